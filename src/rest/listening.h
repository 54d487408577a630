// What the API of a node and that of a witness have in common: how they listen.
#pragma once

#include <memory>

#include "http/server.h"
#include "http/tls.h"
#include "rest/options.h"

namespace matriarch::rest {

http::ServerOptions server_options(const RestOptions& options);

// Null: plain HTTP. Errors name the section.
Result<std::shared_ptr<const http::TlsContext>> load_tls(const RestOptions& options);

// Binds to `options.listen`. Errors name the setting and the remedy.
Task<Status> bind(http::Server& server, http::HostPort address, Ctx ctx);

}  // namespace matriarch::rest
