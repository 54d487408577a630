// The REST API of a node: sockets, TLS, and the answers of Api.
#pragma once

#include <memory>

#include "rest/api.h"

namespace matriarch::rest {

// Thread: the reactor's. Await stop() before destroying it; agent and reactor must outlive it.
class RestApi {
 public:
  RestApi(Reactor& reactor, AgentApi& agent, RestOptions options);
  ~RestApi();

  // Loads certificates, resolves the allowlist, opens the socket; requests wait until serve() (API-008). Errors name
  // address or file, and the setting (API-007).
  Task<Status> start(Ctx ctx);
  void serve();
  // GET /store of a node with a managed etcd; before start().
  void serve_store(std::function<Value()> document) { api_.serve_store(std::move(document)); }

  // SIGHUP: certificates are read again, names resolved again, all else taken over; the socket is re-opened only if
  // `listen` changed (API-010, API-071). On error everything stays as it was. Backlog and keep_alive stay.
  Task<Status> reconfigure(RestOptions options, Ctx ctx);

  // Closes the socket; running requests have until the deadline of `grace` (API-012).
  Task<void> stop(Ctx grace);

  // The address really listened on.
  [[nodiscard]] std::vector<http::HostPort> bound() const;

 private:
  struct Prepared;
  Task<Result<Prepared>> prepare(RestOptions options, Ctx ctx);
  void take_over(Prepared prepared);

  Resolver resolver_;
  RestOptions options_;
  Api api_;
  http::Server server_;
};

}  // namespace matriarch::rest
