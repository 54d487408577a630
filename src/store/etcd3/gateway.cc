#include "store/etcd3/gateway.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/wait.h"
#include "store/etcd3/documents.h"

namespace matriarch::etcd3 {

namespace {

using namespace std::chrono_literals;

std::vector<http::Url> configured_endpoints(const Etcd3Options& options) {
  std::vector<http::Url> urls;
  if (!options.srv.empty() || (options.expand_host && !options.https)) return urls;  // looked up when first needed
  for (const http::HostPort& address : options.endpoints) {
    urls.push_back({.scheme = options.https ? "https" : "http", .address = address});
  }
  return urls;
}

constexpr std::size_t kMaxReplyBytes = 64u << 20;
constexpr int kMaxRepairs = 3;  // of one call

}  // namespace

Gateway::Gateway(Reactor& reactor, TaskGroup& group, const Etcd3Options& options,
                 std::shared_ptr<const http::TlsContext> tls)
    : reactor_(reactor),
      group_(group),
      options_(options),
      times_{options.ttl, options.retry_timeout},
      endpoints_(configured_endpoints(options)),
      client_(reactor, client_options(std::move(tls))),
      random_(std::random_device()()),
      announced_origin_(current_origin()),
      wants_token_(!options.username.empty()) {}

http::ClientOptions Gateway::client_options(std::shared_ptr<const http::TlsContext> tls) const {
  const auto at_least_a_second = [](Duration d) { return std::max<Duration>(d, 1s); };
  http::ClientOptions options;
  options.max_response_bytes = kMaxReplyBytes;
  options.tls = std::move(tls);
  // A watch is silent for hours when all is well; a peer that vanished is to be noticed within the ttl (DCS-243).
  options.tcp.keepalive_idle = at_least_a_second(times_.ttl / 3);
  options.tcp.keepalive_interval = at_least_a_second(times_.ttl / 9);
  options.tcp.keepalive_count = 3;
  options.tcp.user_timeout = at_least_a_second(times_.ttl);
  return options;
}

void Gateway::set_times(Duration ttl, Duration retry_timeout) { times_ = {ttl, retry_timeout}; }

void Gateway::know(const std::vector<http::HostPort>& endpoints) {
  std::vector<http::Url> urls;
  for (const http::HostPort& address : endpoints) urls.push_back({.scheme = options_.https ? "https" : "http", .address = address});
  endpoints_.configure(std::move(urls));
}

std::string Gateway::current_origin() const { return endpoints_.empty() ? "" : endpoints_.current().origin(); }

http::Call Gateway::http_call(const http::Url& url, const std::string& method, const Value::Map& body) const {
  const auto prefix = prefixes_.find(url.origin());
  http::Call call;
  call.method = "POST";
  call.url = url.with_target((prefix == prefixes_.end() ? "/v3" : prefix->second) + method);
  call.headers.add("Content-Type", "application/json");
  if (!token_.empty()) call.headers.add("Authorization", token_);  // DCS-241
  call.body = to_json(body);
  return call;
}

Task<Result<Reply>> Gateway::call(Request request, Ctx ctx) {
  const Instant begin = reactor_.now();
  Progress progress;
  progress.deadline = ctx.deadline == Instant::max() ? begin + times_.retry_timeout : ctx.deadline;
  ctx.deadline = progress.deadline;
  if (endpoints_.empty()) co_await look_up(ctx);
  progress.limit = attempt_limit(std::min(progress.deadline - begin, times_.retry_timeout), endpoints_.all().size());
  for (;;) {
    if (ctx.stop.stop_requested()) co_return Error(Errc::kCancelled, "etcd call cancelled");
    if (reactor_.now() >= progress.deadline || endpoints_.empty()) co_return no_answer(progress);
    const http::Url url = endpoints_.current();
    Attempt made = co_await attempt(url, request, ctx.until(reactor_.now() + progress.limit));
    if (made.verdict == Verdict::kRefused) co_return Error(made.code, url.origin() + ": " + made.text);
    if (made.verdict == Verdict::kAnswered) {
      if (progress.failures > 0) rediscover_ = true;  // DCS-230
      discover_if_due();
      made.reply.in_doubt = progress.in_doubt;
      co_return std::move(made.reply);
    }
    if (ctx.stop.stop_requested()) continue;  // that is not the endpoint's fault
    progress.in_doubt |= made.may_have_acted;
    const Status recovered = co_await recover(url, std::move(made), &progress, ctx);
    if (!recovered.ok()) co_return recovered.error();
  }
}

Task<Gateway::Attempt> Gateway::attempt(http::Url url, Request request, Ctx ctx) {
  if (wants_token_ && token_.empty()) {
    const Status proved = co_await authenticate(url, {}, ctx);
    if (!proved.ok()) {
      co_return Attempt{
          .verdict = proved.error().code() == Errc::kDenied ? Verdict::kRefused : Verdict::kEndpointFailed,
          .code = proved.error().code(),
          .text = proved.error().text()};
    }
  }
  http::Call call = http_call(url, request.method, request.body);
  if (request.idempotent) call.stale_retry = http::StaleRetry::kAlways;
  const std::string token = token_;
  const Instant sent_at = reactor_.now();
  const http::Exchange exchange = co_await client_.exchange(std::move(call), ctx);
  Attempt result = judge(request, exchange);
  result.reply.sent_at = sent_at;
  result.token = token;
  if (result.verdict == Verdict::kAnswered) learn(request, result.reply.header);
  co_return result;
}

Gateway::Attempt Gateway::judge(const Request& request, const http::Exchange& exchange) const {
  Attempt result;
  result.may_have_acted = exchange.delivery != http::Delivery::kNotSent;
  if (!exchange.response.ok()) {
    const Error& error = exchange.response.error();
    if (error.code() == Errc::kTooLarge || error.code() == Errc::kInvalid) result.verdict = Verdict::kRefused;
    result.code = error.code();
    result.text = error.text();
    return result;
  }
  const http::Response& response = *exchange.response;
  Result<Value> body = parse_json(first_document(response.body));  // DCS-242
  if (!body.ok()) {
    if (response.status == 404) result.verdict = Verdict::kWrongPrefix;
    result.text = fmt::format("HTTP status {} without a JSON object", response.status);
    return result;
  }
  if (const auto error = read_error(*body)) return judge_error(*error);
  if (response.status >= 400) {
    result.text = fmt::format("HTTP status {}", response.status);
    return result;
  }
  const Header header = read_header(*body);
  if (!request.by_majority && header.cluster_id == cluster_id_ && header.raft_term < raft_term_) {  // DCS-232
    result.text = fmt::format("was left behind in raft term {}, the cluster is in {}", header.raft_term, raft_term_);
    return result;
  }
  result.verdict = Verdict::kAnswered;
  result.reply.header = header;
  result.reply.body = *std::move(body);
  return result;
}

Gateway::Attempt Gateway::judge_error(const ServerError& error) const {
  Attempt result;
  result.text = error.text;
  switch (error.kind) {
    case ErrorKind::kUnavailable: result.may_have_acted = true; break;
    case ErrorKind::kRetry:
      result.verdict = Verdict::kRetry;
      result.may_have_acted = true;
      break;
    case ErrorKind::kAuthenticate: result.verdict = Verdict::kAuthenticate; break;
    case ErrorKind::kLeaseNotFound:
      result.verdict = Verdict::kRefused;
      result.code = Errc::kNotFound;
      break;
    case ErrorKind::kBadCredentials:
      result.verdict = Verdict::kRefused;
      result.code = Errc::kDenied;
      break;
    case ErrorKind::kAuthDisabled:
    case ErrorKind::kRefused: result.verdict = Verdict::kRefused; break;
  }
  return result;
}

void Gateway::learn(const Request& request, const Header& header) {
  if (header.cluster_id == 0) return;
  if (cluster_id_ != 0 && header.cluster_id != cluster_id_) {
    log::warning("etcd: {} belongs to cluster {}, not {} as before", current_origin(), header.cluster_id, cluster_id_);
    raft_term_ = 0;
  }
  cluster_id_ = header.cluster_id;
  // A majority is right whatever was seen before: a member that campaigned in vain may have shown a higher term.
  raft_term_ = request.by_majority ? header.raft_term : std::max(raft_term_, header.raft_term);
}

Task<Status> Gateway::recover(http::Url url, Attempt failed, Progress* progress, Ctx ctx) {
  progress->problems[url.origin()] = failed.text;
  if (failed.verdict == Verdict::kRetry) {
    (void)co_await sleep_until(reactor_, reactor_.now() + pause(progress->pauses++),
                               ctx);  // a stop is seen by the caller
    co_return Status();
  }
  if (failed.verdict != Verdict::kEndpointFailed && progress->repairs++ < kMaxRepairs) {
    const Status repaired = co_await repair(url, std::move(failed), ctx.until(reactor_.now() + progress->limit));
    if (repaired.ok() || repaired.error().code() != Errc::kUnavailable) co_return repaired;
    progress->problems[url.origin()] = repaired.error().text();
  } else if (failed.verdict == Verdict::kAuthenticate) {
    co_return Error(Errc::kDenied, fmt::format("{}: {}; check what etcd3.username may do", url.origin(), failed.text));
  }
  co_await after_failure(url, progress, ctx);
  co_return Status();
}

Task<Status> Gateway::repair(http::Url url, Attempt failed, Ctx ctx) {
  if (failed.verdict == Verdict::kWrongPrefix) co_return co_await find_prefix(url, ctx);
  if (options_.username.empty()) {
    co_return Error(Errc::kDenied,
                    fmt::format("{}: {}; set etcd3.username and etcd3.password", url.origin(), failed.text));
  }
  co_return co_await authenticate(url, failed.token, ctx);
}

Task<void> Gateway::after_failure(http::Url url, Progress* progress, Ctx ctx) {
  ++progress->failures;
  endpoints_.failed(url);
  announce_if_moved();
  if (progress->failures % endpoints_.size() != 0) co_return;
  // Nobody answers: whatever was learnt about where the members are may be out of date (DCS-230, DCS-238).
  if (moved_) moved_();
  client_.forget_addresses();
  endpoints_.widen();
  if (looks_up()) co_await look_up(ctx);
  (void)co_await sleep_until(reactor_, reactor_.now() + pause(progress->pauses++),
                             ctx);  // a stop is seen by the caller
}

Duration Gateway::pause(int round) {  // DCS-205
  const Duration base = std::min<Duration>(100ms * (1 << std::min(round, 4)), 1s);
  return base / 2 + base * static_cast<Duration::rep>(random_() % 1000) / 1000;
}

Error Gateway::no_answer(const Progress& progress) const {
  std::string problems;
  for (const auto& [origin, problem] : progress.problems) {
    problems += fmt::format("{}{}: {}", problems.empty() ? "" : "; ", origin, problem);
  }
  if (endpoints_.empty()) problems = "the DNS knows no address of it";
  if (problems.empty()) problems = current_origin() + ": no time left to ask";
  return {progress.in_doubt ? Errc::kTimeout : Errc::kUnavailable, "etcd does not answer: " + problems};
}

Task<Result<http::Stream>> Gateway::open_stream(std::string method, Value::Map body, Ctx ctx) {
  if (endpoints_.empty()) co_return Error(Errc::kUnavailable, "no etcd endpoint is known yet");
  co_return co_await client_.open_stream(http_call(endpoints_.current(), method, body), ctx);
}

void Gateway::announce_if_moved() {
  if (current_origin() == announced_origin_) return;
  announced_origin_ = current_origin();
  if (moved_) moved_();
}

}  // namespace matriarch::etcd3
