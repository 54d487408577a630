// What is answered from memory.
#include "rest/api.h"
#include "rest/documents.h"
#include "rest/health.h"
#include "rest/json_text.h"
#include "rest/store_page.h"

namespace matriarch::rest {

namespace {

using namespace std::chrono_literals;

// Peers wait 2 s for GET /patroni (API-317).
constexpr Duration kFreshDeadline = 1500ms;

}  // namespace

Pages& Api::pages_of(Snapshot snapshot) {
  const Validity valid = validity_at(*snapshot, scheduler_.now());
  if (pages_ == nullptr || !pages_->are_for(snapshot.get(), valid)) {
    pages_ = std::make_unique<Pages>(std::move(snapshot), valid, options_.version);
  }
  return *pages_;
}

http::Answer Api::read(Endpoint endpoint, const http::Request& request, Ctx ctx) {
  if (endpoint == Endpoint::kUnsupported) return unsupported_method(request.method);
  // Nodes that start together find their first store by it, before they have anything else to show.
  if (endpoint == Endpoint::kStore) return store_answer(store_document_, replies_);
  Snapshot snapshot = feed_.current();
  const bool bare = request.method != "GET" || endpoint == Endpoint::kLiveness || endpoint == Endpoint::kReadiness;
  if (snapshot == nullptr) {  // just started
    if (bare) return status_only(endpoint == Endpoint::kLiveness);
    return page(503, "The node is starting; try again in a moment.");
  }
  feed_.keep_fresh(*snapshot);
  if (endpoint == Endpoint::kLiveness) return status_only(is_alive(*snapshot, started_, scheduler_.now()));
  if (endpoint == Endpoint::kPatroni) {
    if (may_be_queried(snapshot->state)) return patroni(std::move(ctx));
    return document(endpoint, pages_of(std::move(snapshot)));
  }
  Pages& pages = pages_of(std::move(snapshot));
  if (endpoint == Endpoint::kReadiness) {
    return status_only(is_ready(pages.snapshot(), pages.status(), request.query));
  }
  return endpoint == Endpoint::kHealth ? health(request, pages) : document(endpoint, pages);
}

http::Response Api::health(const http::Request& request, Pages& pages) {
  const bool ok = is_healthy(request.path, request.query, pages.status(), pages.tags());
  return request.method == "GET" ? replies_.json(ok ? 200 : 503, pages.status_document()) : status_only(ok);
}

http::Response Api::document(Endpoint endpoint, Pages& pages) {
  const AgentSnapshot& snapshot = pages.snapshot();
  switch (endpoint) {
    case Endpoint::kPatroni: return replies_.json(200, pages.status_document());
    case Endpoint::kMetrics:
      return replies_.metrics(metrics_text(snapshot, pages.status(), options_, counters_, scheduler_.now()) +
                              (store_document_ ? store_metrics(store_document_()) : std::string()));
    case Endpoint::kExplain: return replies_.json(200, to_spaced_json(explain_document(snapshot)));
    case Endpoint::kGetFailsafe: return failsafe_topology(snapshot);
    default: break;
  }
  if (!pages.status().valid.view) {  // API-330, API-331
    return page(503, "The consensus store cannot be read at the moment, and the last copy is too old.");
  }
  if (endpoint == Endpoint::kCluster) return replies_.json(200, pages.cluster());
  if (endpoint == Endpoint::kHistory) return replies_.json(200, pages.history());
  const auto& config = pages.config();
  if (!config) return page(502, "The key /config does not exist or is no JSON object; write one with PUT /config.");
  return replies_.json(200, *config);
}

http::Response Api::failsafe_topology(const AgentSnapshot& snapshot) const {
  const Value* topology = &snapshot.failsafe_topology;
  if (topology->is_null() && snapshot.cluster != nullptr) topology = &snapshot.cluster->failsafe;
  if (!topology->is_map()) return page(502, "The key /failsafe was not seen or is no JSON object.");
  return replies_.json(200, to_spaced_json(*topology));
}

// Elections rest on the position in this document: it is from after the request, or it is left out (HA-193). An older one
// may miss what the former primary had acknowledged until its end.
Task<http::Response> Api::patroni(Ctx ctx) {
  const Instant asked = scheduler_.now();
  Snapshot snapshot = co_await feed_.fresh(ctx.until(asked + kFreshDeadline));
  if (snapshot == nullptr) co_return page(503, "The node is starting; try again in a moment.");
  Validity valid = validity_at(*snapshot, scheduler_.now());
  valid.server = valid.server && snapshot->server_seen_at >= asked;
  Pages pages(std::move(snapshot), valid, options_.version);
  co_return replies_.json(200, pages.status_document());
}

}  // namespace matriarch::rest
