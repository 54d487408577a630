#include "rest/listening.h"

#include "rest/replies.h"

namespace matriarch::rest {

http::ServerOptions server_options(const RestOptions& options) {
  http::ServerOptions server;
  server.backlog = options.backlog;
  server.keep_alive = options.keep_alive;
  server.server_header = server_header(options);
  return server;
}

Result<std::shared_ptr<const http::TlsContext>> load_tls(const RestOptions& options) {
  if (!options.tls()) return std::shared_ptr<const http::TlsContext>();
  auto loaded = http::TlsContext::for_server({.cert_file = options.certfile,
                                              .key_file = options.keyfile,
                                              .key_password = options.keyfile_password,
                                              .ca_file = options.cafile,
                                              .ciphers = options.ciphers,
                                              .verify_client = options.verify_client});
  if (!loaded) return loaded.error().in("restapi");
  return loaded;
}

Task<Status> bind(http::Server& server, http::HostPort address, Ctx ctx) {
  const auto bound = co_await server.bind({std::move(address)}, std::move(ctx));
  if (!bound) co_return bound.error().in("restapi.listen: choose an address of this host and a free port");
  co_return Status();
}

}  // namespace matriarch::rest
