// The REST API without its sockets: from request to answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "http/server.h"
#include "rest/access.h"
#include "rest/feed.h"
#include "rest/metrics.h"
#include "rest/pages.h"
#include "rest/replies.h"
#include "rest/requests.h"
#include "rest/routes.h"

namespace matriarch::rest {

// Reading is answered at once and from memory, except GET /patroni, on whose freshness elections rest.
//
// Thread: the scheduler's. Must outlive its answers' tasks; await stop() before destroying it.
class Api {
 public:
  Api(Scheduler& scheduler, AgentApi& agent, Resolver resolver);

  void configure(RestOptions options, Allowlist allowlist);

  // For http::Server: refuses what can be refused before the body is read (API-077). handle() checks everything again.
  std::optional<http::Response> gate(const http::Request& request);
  http::Answer handle(http::Request request, Ctx ctx);

  Task<void> stop();

  // What GET /store answers: the managed etcd's document. Without it there is no such path.
  void serve_store(std::function<Value()> document) { store_document_ = std::move(document); }

 private:
  using Snapshot = std::shared_ptr<const AgentSnapshot>;
  using Body = std::variant<Value::Map, http::Response>;

  // Reading (api_read.cc).
  http::Answer read(Endpoint endpoint, const http::Request& request, Ctx ctx);
  http::Response health(const http::Request& request, Pages& pages);
  http::Response document(Endpoint endpoint, Pages& pages);
  http::Response failsafe_topology(const AgentSnapshot& snapshot) const;
  Task<http::Response> patroni(Ctx ctx);
  Pages& pages_of(Snapshot snapshot);

  // Commands (api_command.cc).
  Task<http::Response> command(Route route, http::Request request, Ctx ctx);
  Task<std::optional<http::Response>> refused(Protection protection, const http::Request& request, Ctx ctx);
  std::optional<http::Response> answer_early(const http::Request& request);
  Access::Verdict verdict(Protection protection, const http::Request& request, const AgentSnapshot* snapshot) const;
  std::optional<http::Response> not_now(const Route& route, const http::Request& request, const AgentSnapshot& snapshot);
  Body body_of(BodyRule rule, const http::Request& request) const;
  Task<http::Response> carry_out(Endpoint endpoint, Value::Map body, Snapshot snapshot, Ctx ctx);
  Task<http::Response> change_config(Endpoint endpoint, Value::Map body, Ctx ctx);
  Task<http::Response> failover(FailoverEndpoint endpoint, Value::Map body, Snapshot snapshot, Ctx ctx);
  Task<http::Response> restart(Value::Map body, Snapshot snapshot, Ctx ctx);
  Task<http::Response> mpp_event(Value::Map body, Ctx ctx);
  http::Response failsafe(const Value::Map& body);

  http::Response denied();
  http::Response count_refusal(http::Response refusal);

  Scheduler& scheduler_;
  AgentApi& agent_;
  SnapshotFeed feed_;
  Access access_;
  RestOptions options_;
  Replies replies_;
  ApiCounters counters_;
  std::function<Value()> store_document_;
  Instant started_;
  std::unique_ptr<Pages> pages_;  // of the snapshot answered from last
};

}  // namespace matriarch::rest
