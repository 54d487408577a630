// The REST API over HTTP(S).
#pragma once

#include <memory>

#include "base/reactor.h"
#include "config/local_config.h"
#include "ctl/rest.h"

namespace matriarch::ctl {

// `config` gives credentials and TLS files, read when the first https URL is called. Both must outlive the result.
std::unique_ptr<Rest> make_http_rest(Reactor& reactor, const config::CtlConfig& config);

}  // namespace matriarch::ctl
