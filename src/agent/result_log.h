// The line that each cycle logs (CFG-443), and the line with the owner of the lock before it (CFG-441).
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace matriarch::agent {

class ResultLog {
 public:
  // `leader` may be empty. A line like the one before is repeated at the regular heartbeat only: most of what wakes the loop
  // changes nothing. A new line is logged at once.
  void write(std::string_view leader, std::string_view me, std::string line, Instant now, Duration loop_wait);

 private:
  std::string last_;
  Instant last_at_;
};

}  // namespace matriarch::agent
