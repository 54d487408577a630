// From the configuration to what the managed etcd must be told.
#pragma once

#include "config/local_config.h"
#include "store/managed_etcd/options.h"

namespace matriarch::app {

managed_etcd::ManagedOptions managed_options(const std::string& scope, const std::string& name,
                                             const config::RestApiConfig& restapi, const config::CtlConfig& ctl,
                                             const config::EtcdConfig& etcd);

}  // namespace matriarch::app
