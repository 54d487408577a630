// ctl::StoreAdmin on etcd: managed or not.
#pragma once

#include <memory>

#include "base/reactor.h"
#include "config/local_config.h"
#include "ctl/store_admin.h"

namespace matriarch {

std::unique_ptr<ctl::StoreAdmin> make_store_admin(Reactor& reactor, const config::ClientConfig& config);

}  // namespace matriarch
