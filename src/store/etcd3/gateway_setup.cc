// What a gateway finds out by itself: tokens, path prefixes, members.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "store/etcd3/documents.h"
#include "store/etcd3/gateway.h"
#include "store/etcd3/lookup.h"

namespace matriarch::etcd3 {

namespace {

using namespace std::chrono_literals;

// "3.4.23" as 3004; 0 if it is no version.
int major_minor(const Value* version) {
  if (version == nullptr || !version->is_string()) return 0;
  const std::string& text = version->as_string();
  const auto dot = text.find('.');
  if (dot == text.npos) return 0;
  const auto second = text.find('.', dot + 1);
  const auto major = parse_int(text.substr(0, dot));
  const auto minor = parse_int(text.substr(dot + 1, second == text.npos ? text.npos : second - dot - 1));
  return static_cast<int>(major.value_or(0) * 1000 + minor.value_or(0));
}

std::vector<http::Url> client_urls(const Value& member_list) {
  std::vector<http::Url> urls;
  const Value* members = member_list.find("members");
  if (members == nullptr || !members->is_list()) return urls;
  for (const Value& member : members->as_list()) {
    const Value* list = member.find("clientURLs");  // learners and members that never started have none (DCS-244)
    if (list == nullptr || !list->is_list()) continue;
    for (const Value& text : list->as_list()) {
      if (!text.is_string()) continue;
      if (auto url = http::parse_url(text.as_string(), 2379); url.ok()) urls.push_back(*std::move(url));
    }
  }
  return urls;
}

}  // namespace

Task<Status> Gateway::authenticate(http::Url url, std::string rejected_token, Ctx ctx) {  // DCS-287
  if (token_ != rejected_token) co_return Status();  // somebody else has just got a new one
  token_.clear();
  Value::Map body;
  body.set("name", options_.username);
  body.set("password", options_.password);
  const Request request{.method = "/auth/authenticate"};
  const http::Exchange exchange = co_await client_.exchange(http_call(url, request.method, body), ctx);
  const Attempt made = judge(request, exchange);
  if (made.verdict == Verdict::kAnswered) {
    const Value* token = made.reply.body.find("token");
    if (token != nullptr && token->is_string()) token_ = token->as_string();
    wants_token_ = true;
    co_return Status();
  }
  const bool disabled = made.text == "etcdserver: authentication is not enabled";  // DCS-283
  if (disabled) {
    wants_token_ = false;
    co_return Status();
  }
  if (made.verdict == Verdict::kWrongPrefix) {
    const Status found = co_await find_prefix(url, ctx);
    co_return found.ok() ? co_await authenticate(url, {}, ctx) : found;
  }
  if (made.verdict == Verdict::kRefused && made.code == Errc::kDenied) {
    co_return Error(Errc::kDenied, fmt::format("{}: etcd rejects the user {}; check etcd3.username and etcd3.password",
                                               url.origin(), options_.username));
  }
  co_return Error(Errc::kUnavailable, made.text);
}

Task<Status> Gateway::find_prefix(http::Url url, Ctx ctx) {  // DCS-240
  http::Call call;
  call.url = url.with_target("/version");
  const auto response = co_await client_.request(std::move(call), ctx);
  if (!response.ok()) co_return Error(Errc::kUnavailable, response.error().text());
  const Value version = parse_json(first_document(response->body)).value_or(nullptr);
  const int cluster = major_minor(version.find("etcdcluster"));
  const int server = major_minor(version.find("etcdserver"));
  if (cluster == 0 || server == 0) co_return Error(Errc::kUnavailable, "does not tell its version: is this etcd?");
  if (cluster < 3001 || server < 3001) {
    co_return Error(Errc::kUnsupported, url.origin() + ": etcd before 3.1 is not supported; upgrade it");
  }
  const std::string prefix = cluster < 3003 ? "/v3alpha" : cluster < 3004 ? "/v3beta" : "/v3";
  if (prefix == "/v3" && prefixes_.erase(url.origin()) == 0) {
    co_return Error(Errc::kUnavailable, "its JSON gateway is switched off (--enable-grpc-gateway)");
  }
  if (prefix != "/v3") prefixes_[url.origin()] = prefix;
  co_return Status();
}

void Gateway::discover_if_due() {
  if (options_.cli || options_.use_proxies || discovering_) return;
  const Duration age = reactor_.now() - discovered_at_;
  const bool first = discovered_at_ == Instant();
  if (!first && !(rediscover_ && age >= 5s) && age < std::max<Duration>(10 * times_.ttl, 60s)) return;
  discovering_ = true;
  rediscover_ = false;
  group_.spawn(discover());
}

Task<void> Gateway::discover() {  // DCS-229
  const Ctx ctx{.deadline = reactor_.now() + times_.retry_timeout, .stop = group_.stop_token()};
  const auto reply = co_await call({.method = "/cluster/member/list", .by_majority = false}, ctx);
  discovered_at_ = reactor_.now();
  discovering_ = false;
  if (!reply.ok()) co_return;  // the present list goes on being used
  std::vector<http::Url> members = client_urls(reply->body);
  std::shuffle(members.begin(), members.end(), random_);
  endpoints_.discovered(std::move(members));
  announce_if_moved();
}

namespace {

// Asks a member at its peer address for everybody's client addresses (DCS-228).
Task<std::vector<http::Url>> ask_peer(http::Client* client, http::Url peer, Ctx ctx) {
  http::Call call;
  call.url = peer.with_target("/members");
  const auto response = co_await client->request(std::move(call), ctx);
  if (!response.ok()) co_return std::vector<http::Url>();
  Value::Map wrapped;
  wrapped.set("members", parse_json(response->body).value_or(nullptr));
  co_return client_urls(wrapped);
}

}  // namespace

bool Gateway::looks_up() const { return !options_.srv.empty() || (options_.expand_host && !options_.https); }

Task<void> Gateway::look_up(Ctx ctx) {
  std::vector<http::Url> urls;
  if (!options_.srv.empty()) {
    urls = co_await look_up_srv(ctx);
    if (urls.empty()) log::warning("etcd: no SRV records of {} (etcd3.srv) name a member", options_.srv);
  } else {
    for (const http::HostPort& name : options_.endpoints) {
      const auto found = co_await reactor_.run_blocking(ctx, [name] { return lookup_addresses(name); });
      if (!found.ok()) co_return;
      for (const http::HostPort& address : *found) urls.push_back({.scheme = "http", .address = address});
    }
  }
  if (!urls.empty()) endpoints_.configure(std::move(urls));
}

Task<std::vector<http::Url>> Gateway::look_up_srv(Ctx ctx) {  // DCS-228
  std::vector<http::Url> urls;
  for (const SrvName& name : srv_names(options_.srv, options_.srv_suffix)) {
    const auto found = co_await reactor_.run_blocking(ctx, [text = name.name] { return lookup_srv(text); });
    if (!found.ok()) break;
    for (const http::HostPort& target : *found) {
      const http::Url url{.scheme = name.https ? "https" : "http", .address = target};
      if (!name.peers) {
        urls.push_back(url);
      } else if (urls.empty()) {
        urls = co_await ask_peer(&client_, url, ctx);
      }
    }
    if (!urls.empty()) break;
  }
  co_return urls;
}

}  // namespace matriarch::etcd3
