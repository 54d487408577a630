// The first process of a container: somebody must bury the dead there and pass signals on (CFG-415).
#pragma once

#include <optional>

namespace matriarch::app {

// Not process 1: nothing, and the caller goes on as the daemon. As process 1: runs this program again with the same
// arguments and the same environment, passes signals on to it, reaps and logs whatever else ends here, and gives the
// daemon's exit code (128 + signal if by one) when that has ended.
std::optional<int> become_init(char** argv);

}  // namespace matriarch::app
