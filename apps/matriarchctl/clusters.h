// The store's engines behind the CLI's `Clusters`, opened when a command first needs one.
#pragma once

#include <memory>

#include "base/reactor.h"
#include "config/local_config.h"
#include "ctl/clusters.h"

namespace matriarch {

// Both arguments outlive the result.
std::unique_ptr<ctl::Clusters> make_clusters(Reactor& reactor, const config::ClientConfig& config);

}  // namespace matriarch
