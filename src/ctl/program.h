// The whole CLI, from arguments to exit code. The application adds the store's engines.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/reactor.h"
#include "ctl/app.h"
#include "ctl/console.h"

namespace matriarch::ctl {

// Both arguments outlive the result.
using MakeClusters = std::function<std::unique_ptr<Clusters>(Reactor&, const config::ClientConfig&)>;

// `program`: the name it was called by, without folders. Called as "patronictl" it exits with 0 also when an action was
// refused (CTL-019); else a refused or failed action gives 1.
int run_program(const std::string& program, const std::vector<std::string>& arguments, Console& console,
                const MakeClusters& make_clusters);

}  // namespace matriarch::ctl
