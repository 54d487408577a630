#include "rest/api.h"

#include "base/log.h"

namespace matriarch::rest {

namespace {

// API-067. The target cannot contain line ends: the HTTP parser refuses them.
void log_access(const std::string& peer, const std::string& line, int status, Duration latency) {
  log::debug("API thread: {} - - \"{}\" {} - latency: {:.3f} ms", peer, line, status, to_seconds(latency) * 1000);
}

Task<http::Response> logged(Task<http::Response> task, std::string peer, std::string line, Scheduler& scheduler) {
  const Instant begin = scheduler.now();
  auto response = co_await std::move(task);
  log_access(peer, line, response.status, scheduler.now() - begin);
  co_return response;
}

}  // namespace

Api::Api(Scheduler& scheduler, AgentApi& agent, Resolver resolver)
    : scheduler_(scheduler),
      agent_(agent),
      feed_(scheduler, agent),
      access_(scheduler, std::move(resolver)),
      replies_(options_),
      started_(scheduler.now()) {}

void Api::configure(RestOptions options, Allowlist allowlist) {
  options_ = std::move(options);
  replies_ = Replies(options_);
  access_.configure(options_, std::move(allowlist));
  pages_.reset();
}

http::Response Api::count_refusal(http::Response refusal) {
  ++counters_.refused;
  return refusal;
}

std::optional<http::Response> Api::gate(const http::Request& request) {
  auto answer = answer_early(request);
  if (!answer) return std::nullopt;
  ++counters_.requests;
  log_access(request.peer_address, request.method + " " + request.target, answer->status, Duration::zero());
  return answer;
}

http::Answer Api::handle(http::Request request, Ctx ctx) {
  ++counters_.requests;
  const Route route = find_route(request.method, request.path);
  const bool is_read = route.protection == Protection::kNone;
  if (!log::enabled(log::Level::kDebug)) {
    if (is_read) return read(route.endpoint, request, std::move(ctx));
    return command(route, std::move(request), std::move(ctx));
  }
  const Instant begin = scheduler_.now();
  std::string peer = request.peer_address;
  std::string line = request.method + " " + request.target;
  http::Answer answer = is_read ? read(route.endpoint, request, std::move(ctx))
                                : http::Answer(command(route, std::move(request), std::move(ctx)));
  if (http::Response* response = answer.immediate()) {
    log_access(peer, line, response->status, scheduler_.now() - begin);
    return answer;
  }
  return logged(std::move(*answer.task()), std::move(peer), std::move(line), scheduler_);
}

Task<void> Api::stop() { co_await feed_.stop(); }

}  // namespace matriarch::rest
