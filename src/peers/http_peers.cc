#include "peers/http_peers.h"

#include "base/task_group.h"
#include "http/encoding.h"
#include "model/codec.h"
#include "peers/peer_answer.h"

namespace matriarch::peers {

namespace {

constexpr std::size_t kMaxAnswer = 1 << 20;

http::ClientOptions client_options(const PeersOptions& options, std::shared_ptr<const http::TlsContext> tls) {
  http::ClientOptions result;
  result.max_response_bytes = kMaxAnswer;
  result.max_idle_connections = 1;
  result.user_agent = options.user_agent;
  result.tls = std::move(tls);
  return result;
}

Value failsafe_body(const FailsafeMessage& message) {
  Value::Map body;
  body.set("name", message.name);
  body.set("conn_url", message.conn_url);
  body.set("api_url", message.api_url);
  Value::Map slots;
  for (const auto& [name, lsn] : message.slots) slots.set(name, lsn.value);
  body.set("slots", std::move(slots));
  return body;
}

}  // namespace

Result<std::unique_ptr<HttpPeers>> HttpPeers::create(Reactor& reactor, const PeersOptions& options) {
  const bool with_certificate = !options.certfile.empty();
  auto tls = http::TlsContext::for_client({.ca = options.cacert,
                                           .cert_file = options.certfile,
                                           .key_file = options.keyfile,
                                           .key_password = options.keyfile_password,
                                           .verify_chain = with_certificate,
                                           .verify_host = false});
  if (!tls) return tls.error().in("section ctl (or restapi)");
  return std::unique_ptr<HttpPeers>(new HttpPeers(reactor, options, std::move(*tls)));
}

HttpPeers::HttpPeers(Reactor& reactor, const PeersOptions& options, std::shared_ptr<const http::TlsContext> tls)
    : reactor_(reactor), client_(reactor, client_options(options, std::move(tls))) {
  if (!options.username.empty())
    authorization_ = http::basic_authorization({.user = options.username, .password = options.password});
}

Result<http::Call> HttpPeers::call(std::string method, std::string_view url) const {
  auto parsed = http::parse_url(url);
  if (!parsed) return parsed.error();
  http::Call call{.method = std::move(method), .url = std::move(*parsed), .stale_retry = http::StaleRetry::kAlways};
  if (!authorization_.empty()) call.headers.set("Authorization", authorization_);
  return call;
}

Task<void> HttpPeers::ask(Member member, PeerStatus* into, Ctx ctx) {
  auto request = call("GET", member.data.api_url);
  if (!request) co_return;
  const http::Exchange exchange = co_await client_.exchange(std::move(*request), std::move(ctx));
  if (exchange.response) {
    *into = read_peer_answer(member.name, exchange.response->body);  // any HTTP status counts (API-317)
  } else {
    into->refused =
        exchange.delivery == http::Delivery::kNotSent && exchange.response.error().code() == Errc::kUnavailable;
  }
}

Task<std::vector<PeerStatus>> HttpPeers::poll(std::vector<Member> members, Ctx ctx) {
  std::vector<PeerStatus> answers(members.size());
  TaskGroup group(reactor_);
  for (std::size_t i = 0; i < members.size(); ++i) {
    answers[i].name = members[i].name;
    group.spawn(ask(std::move(members[i]), &answers[i], ctx));
  }
  co_await group.join();
  co_return answers;
}

Task<void> HttpPeers::post(std::string url, std::string body, FailsafeAnswer* into, Ctx ctx) {
  for (int attempt = 0; attempt < 2; ++attempt) {  // HA-029
    auto request = call("POST", url);
    if (!request) co_return;
    request->headers.set("Content-Type", "application/json");
    request->body = body;
    const auto response = co_await client_.request(std::move(*request), ctx);
    if (!response) continue;
    into->accepted = response->status == 200 && response->body == "Accepted";
    if (const auto lsn = response->headers.find("lsn")) {
      into->lsn.value = static_cast<std::uint64_t>(std::max<std::int64_t>(parse_int(*lsn).value_or(0), 0));
    }
    co_return;
  }
}

Task<std::vector<FailsafeAnswer>> HttpPeers::post_failsafe(
    std::vector<std::pair<std::string, std::string>> name_and_url, FailsafeMessage message, Ctx ctx) {
  const std::string body = to_json(failsafe_body(message));
  std::vector<FailsafeAnswer> answers(name_and_url.size());
  TaskGroup group(reactor_);
  for (std::size_t i = 0; i < name_and_url.size(); ++i) {
    answers[i].name = name_and_url[i].first;
    const std::string url = api_endpoint({.api_url = name_and_url[i].second}, "/failsafe");
    group.spawn(post(url, body, &answers[i], ctx));
  }
  co_await group.join();
  co_return answers;
}

Task<Result<PeerReply>> HttpPeers::change_config(Member member, std::string method, Value body, Ctx ctx) {
  auto request = call(std::move(method), api_endpoint(member.data, "/config"));
  if (!request) co_return request.error();
  request->stale_retry = http::StaleRetry::kNever;
  request->new_connection = true;
  request->headers.set("Content-Type", "application/json");
  request->body = to_json(body);
  auto response = co_await client_.request(std::move(*request), std::move(ctx));
  if (!response) co_return response.error();
  co_return PeerReply{.status = response->status, .text = std::move(response->body)};
}

Task<bool> HttpPeers::is_alive(Member member, Ctx ctx) {
  auto request = call("GET", api_endpoint(member.data, "/liveness"));
  if (!request) co_return false;
  co_return (co_await client_.request(std::move(*request), std::move(ctx))).ok();
}

}  // namespace matriarch::peers
