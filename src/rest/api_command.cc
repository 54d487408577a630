// What changes something: access, body, command, answer.
#include "base/log.h"
#include "rest/api.h"
#include "rest/json_text.h"

namespace matriarch::rest {

namespace {

using namespace std::chrono_literals;

constexpr Duration kResolveDeadline = 2s;
// Above what the commands need by themselves (HA-219), in case they hang.
constexpr Duration kMargin = 30s;

http::Response malformed(const http::Request& request, std::string_view why) {
  log::error("{} {}: the body is refused: {}", request.method, request.path, why);  // API-058
  return page(400, fmt::format("The body of {} {} must be a JSON object such as {{\"key\": \"value\"}}: {}.",
                               request.method, request.path, why));
}

Circumstances circumstances(const AgentSnapshot& snapshot, const Scheduler& scheduler) {
  return {.paused = snapshot.settings.paused, .now = scheduler.wall_now()};
}

}  // namespace

std::optional<http::Response> Api::answer_early(const http::Request& request) {
  const Route route = find_route(request.method, request.path);
  if (route.endpoint == Endpoint::kUnsupported) return unsupported_method(request.method);  // API-093
  if (route.protection == Protection::kNone) return std::nullopt;
  const Snapshot snapshot = feed_.current();
  switch (verdict(route.protection, request, snapshot.get())) {
    case Access::Verdict::kUndecided: return std::nullopt;
    case Access::Verdict::kDenied: return denied();
    case Access::Verdict::kAllowed: break;
  }
  if (auto refusal = access_.by_identity(request, replies_)) return count_refusal(std::move(*refusal));
  return snapshot == nullptr ? std::nullopt : not_now(route, request, *snapshot);
}

Access::Verdict Api::verdict(Protection protection, const http::Request& request, const AgentSnapshot* snapshot) const {
  const bool view = snapshot != nullptr && scheduler_.now() < snapshot->cluster_valid_until;
  return access_.by_address(request, view ? snapshot->cluster.get() : nullptr,
                            protection == Protection::kListOnly ? Access::Members::kIgnored
                                                                : Access::Members::kConsidered);
}

http::Response Api::denied() { return count_refusal(replies_.text(403, "Access is denied")); }

Task<std::optional<http::Response>> Api::refused(Protection protection, const http::Request& request, Ctx ctx) {
  const Snapshot snapshot = feed_.current();
  auto found = verdict(protection, request, snapshot.get());
  if (found == Access::Verdict::kUndecided) {
    const bool admitted = co_await access_.admits(request.peer_address, snapshot->cluster,
                                                  ctx.until(scheduler_.now() + kResolveDeadline));
    found = admitted ? Access::Verdict::kAllowed : Access::Verdict::kDenied;
  }
  if (found == Access::Verdict::kDenied) co_return denied();
  auto refusal = access_.by_identity(request, replies_);
  if (refusal) co_return count_refusal(std::move(*refusal));
  co_return std::nullopt;
}

// What makes the body uninteresting (API-054, API-305).
std::optional<http::Response> Api::not_now(const Route& route, const http::Request& request,
                                           const AgentSnapshot& snapshot) {
  if (route.endpoint == Endpoint::kPostFailsafe && !snapshot.settings.failsafe_mode) {
    return page(502, "failsafe_mode is off: switch it on in /config before members can be asked.");
  }
  if (route.body == BodyRule::kRequired && !request.headers.has("Content-Length")) {
    return page(411, "The request needs a body and the header Content-Length.");
  }
  return std::nullopt;
}

Api::Body Api::body_of(BodyRule rule, const http::Request& request) const {
  if (rule == BodyRule::kIgnored) return Value::Map();
  const bool absent = !request.headers.has("Content-Length") || request.body.empty();
  if (absent && rule == BodyRule::kOptional) return Value::Map();
  if (absent) return malformed(request, "it is empty");
  auto parsed = parse_json(request.body);
  if (!parsed) return malformed(request, parsed.error().text());
  if (!parsed->is_map()) return malformed(request, "it is JSON, but no object");
  if (parsed->as_map().empty() && rule == BodyRule::kRequired) return malformed(request, "it is an empty object");
  return std::move(parsed->as_map());
}

Task<http::Response> Api::command(Route route, http::Request request, Ctx ctx) {
  auto refusal = co_await refused(route.protection, request, ctx);
  if (refusal) co_return std::move(*refusal);
  Snapshot snapshot = feed_.current();
  if (snapshot == nullptr) co_return page(503, "The node is starting; try again in a moment.");
  auto later = not_now(route, request, *snapshot);
  if (later) co_return std::move(*later);
  Body body = body_of(route.body, request);
  if (auto* response = std::get_if<http::Response>(&body)) co_return std::move(*response);
  co_return co_await carry_out(route.endpoint, std::move(std::get<Value::Map>(body)), std::move(snapshot), std::move(ctx));
}

Task<http::Response> Api::carry_out(Endpoint endpoint, Value::Map body, Snapshot snapshot, Ctx ctx) {
  CommandResult result{202, "shutdown scheduled"};  // POST /sigterm has no effect (API-303)
  switch (endpoint) {
    case Endpoint::kPatchConfig:
    case Endpoint::kPutConfig: 
      ctx = ctx.until(scheduler_.now() + snapshot->settings.retry_timeout + kMargin);
      co_return co_await change_config(endpoint, std::move(body), std::move(ctx));
    case Endpoint::kPostFailsafe: co_return failsafe(body);
    case Endpoint::kMpp: co_return co_await mpp_event(std::move(body), std::move(ctx));
    case Endpoint::kFailover:
      co_return co_await failover(FailoverEndpoint::kFailover, std::move(body), std::move(snapshot), std::move(ctx));
    case Endpoint::kSwitchover:
      co_return co_await failover(FailoverEndpoint::kSwitchover, std::move(body), std::move(snapshot), std::move(ctx));
    case Endpoint::kRestart: co_return co_await restart(std::move(body), std::move(snapshot), std::move(ctx));
    case Endpoint::kCancelSwitchover: {
      result = co_await agent_.cancel_failover(std::move(ctx));
      if (result.status == 409) co_return page(409, result.text);  // API-271
      break;
    }
    case Endpoint::kCancelRestart: result = co_await agent_.cancel_restart(std::move(ctx)); break;
    case Endpoint::kReload: result = co_await agent_.reload(std::move(ctx)); break;
    case Endpoint::kReinitialize: {
      const ReinitializeCommand how = parse_reinitialize(body);
      result = co_await agent_.reinitialize(how.force, how.from_leader, std::move(ctx));
      break;
    }
    default: break;
  }
  co_return replies_.text(result.status, std::move(result.text));
}

Task<http::Response> Api::change_config(Endpoint endpoint, Value::Map body, Ctx ctx) {
  CommandResult result;
  if (endpoint == Endpoint::kPatchConfig) {
    result = co_await agent_.patch_config(std::move(body), std::move(ctx));
  } else {
    result = co_await agent_.replace_config(std::move(body), std::move(ctx));
  }
  if (result.status == 412) co_return replies_.text(412, std::move(result.text));  // the rule of resume (ADR 10)
  if (result.status != 200) co_return page(result.status, result.text);  // API-202, API-205, API-209
  const auto config = parse_json(result.text);
  co_return replies_.json(200, config ? to_spaced_json(*config) : result.text);
}

Task<http::Response> Api::failover(FailoverEndpoint endpoint, Value::Map body, Snapshot snapshot, Ctx ctx) {
  auto parsed = parse_failover(body, endpoint, circumstances(*snapshot, scheduler_));
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) co_return replies_.text(refusal->status, refusal->text);
  auto& wanted = std::get<FailoverCommand>(parsed);
  const bool failover = endpoint == FailoverEndpoint::kFailover;
  log::info("received {} request with leader={} candidate={} scheduled_at={}", failover ? "failover" : "switchover",
            wanted.leader, wanted.candidate, wanted.scheduled_at);
  if (failover && wanted.switchover) {  // API-249
    log::warning("a failover with a leader is carried out as a switchover; use POST /switchover for it");
  }
  const Duration polling = 2 * std::max<Duration>(10s, snapshot->loop_wait);
  ctx = ctx.until(scheduler_.now() + polling + snapshot->settings.retry_timeout + kMargin);
  CommandResult result = co_await agent_.failover(std::move(wanted), std::move(ctx));
  co_return replies_.text(result.status, std::move(result.text));
}

Task<http::Response> Api::restart(Value::Map body, Snapshot snapshot, Ctx ctx) {
  auto parsed = parse_restart(body, circumstances(*snapshot, scheduler_));
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) co_return replies_.text(refusal->status, refusal->text);
  CommandResult result = co_await agent_.restart(std::move(std::get<RestartCommand>(parsed)), std::move(ctx));
  co_return replies_.text(result.status, std::move(result.text));
}

Task<http::Response> Api::mpp_event(Value::Map body, Ctx ctx) {
  auto parsed = parse_mpp_event(body);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    log::warning("an MPP event is ignored: {}", refusal->text);
  } else {
    auto& event = std::get<MppEvent>(parsed);
    const Instant until = scheduler_.now() + event.timeout + kMargin;
    co_await agent_.mpp_event(std::move(event), ctx.until(until));
  }
  co_return replies_.text(200, "OK");  // whatever came of it (API-315)
}

http::Response Api::failsafe(const Value::Map& body) {
  auto parsed = parse_failsafe(body);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return replies_.text(refusal->status, refusal->text);
  const AgentApi::FailsafeReply reply = agent_.failsafe(std::move(std::get<FailsafeMessage>(parsed)));
  http::Response response = replies_.text(reply.result.status, reply.result.text);
  if (reply.result.status == 200 && reply.lsn) response.headers.add("lsn", fmt::format("{}", reply.lsn.value));  // API-309
  return response;
}

}  // namespace matriarch::rest
