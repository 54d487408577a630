// The REST API of a witness: GET /store, /liveness, /metrics; 503 for all else, so that no load balancer takes it for a
// database.
#pragma once

#include <functional>

#include "http/server.h"
#include "model/value.h"
#include "rest/options.h"
#include "rest/replies.h"

namespace matriarch::rest {

// Thread: the reactor's. Await stop() before destroying it.
class WitnessApi {
 public:
  WitnessApi(Reactor& reactor, RestOptions options, std::function<Value()> store_document);

  // Errors name address or file, and the setting.
  Task<Status> start(Ctx ctx);
  Task<void> stop(Ctx grace);

 private:
  http::Response answer(const http::Request& request) const;

  RestOptions options_;
  Replies replies_;
  std::function<Value()> store_document_;
  http::Server server_;
};

}  // namespace matriarch::rest
