#include "store/managed_etcd/admin.h"

#include <fmt/format.h>

#include "http/encoding.h"
#include "store/etcd3/documents.h"
#include "store/etcd3/wire.h"
#include "store/managed_etcd/home.h"

namespace matriarch::managed_etcd {

namespace {

constexpr std::size_t kMaxReply = 64u << 20;

http::ClientOptions client_options(std::shared_ptr<const http::TlsContext> tls) {
  http::ClientOptions options;
  options.max_response_bytes = kMaxReply;
  options.tls = std::move(tls);
  return options;
}

// 64-bit ids come as texts; absent ones are 0.
std::string id_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  const std::string text = value == nullptr ? "" : string_form(*value);
  return text == "0" ? "" : text;
}

std::int64_t number_of(const Value& map, std::string_view key) { return etcd3::read_number(map.find(key)); }

bool flag_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && value->truthy();
}

std::vector<std::string> texts_of(const Value& map, std::string_view key) {
  std::vector<std::string> texts;
  const Value* list = map.find(key);
  if (list == nullptr || !list->is_list()) return texts;
  for (const Value& item : list->as_list()) texts.push_back(string_form(item));
  return texts;
}

const Value::List& items(const Value& map, std::string_view key) {
  static const Value::List kEmpty;
  const Value* list = map.find(key);
  return list != nullptr && list->is_list() ? list->as_list() : kEmpty;
}

}  // namespace

EtcdAdmin::EtcdAdmin(Reactor& reactor, std::shared_ptr<const http::TlsContext> tls)
    : client_(reactor, client_options(std::move(tls))) {}

Task<Result<Value>> EtcdAdmin::call(http::Url url, std::string method, Value::Map body, Ctx ctx) {
  http::Call call{.method = "POST", .url = url.with_target("/v3" + method), .body = to_json(body)};
  call.headers.add("Content-Type", "application/json");
  auto response = co_await client_.request(std::move(call), std::move(ctx));
  if (!response) co_return response.error();
  auto reply = parse_json(etcd3::first_document(response->body));
  if (!reply)
    co_return Error(Errc::kProtocol, fmt::format("{}: HTTP status {}: is this etcd?", url.origin(), response->status));
  if (const auto error = etcd3::read_error(*reply)) {
    co_return Error(Errc::kFailed, fmt::format("{}: {}", url.origin(), error->text));
  }
  co_return std::move(*reply);
}

Task<Status> EtcdAdmin::order(http::Url url, std::string method, Value::Map body, Ctx ctx) {
  const auto reply = co_await call(std::move(url), std::move(method), std::move(body), std::move(ctx));
  if (!reply) co_return reply.error();
  co_return Status();
}

Task<Result<MemberStatus>> EtcdAdmin::status(http::Url url, Ctx ctx) {
  const auto reply = co_await call(std::move(url), "/maintenance/status", {}, std::move(ctx));
  if (!reply) co_return reply.error();
  MemberStatus status;
  if (const Value* header = reply->find("header")) {
    status.member_id = id_of(*header, "member_id");
    status.cluster_id = id_of(*header, "cluster_id");
    status.revision = number_of(*header, "revision");
  }
  status.leader_id = id_of(*reply, "leader");
  if (const Value* version = reply->find("version")) status.version = string_form(*version);
  status.db_size = number_of(*reply, "dbSize");
  status.db_size_in_use = number_of(*reply, "dbSizeInUse");
  status.applied_index = number_of(*reply, "raftAppliedIndex");
  status.learner = flag_of(*reply, "isLearner");
  co_return status;
}

Task<Result<std::vector<ListedMember>>> EtcdAdmin::members(http::Url url, Ctx ctx) {
  const auto reply = co_await call(std::move(url), "/cluster/member/list", {}, std::move(ctx));
  if (!reply) co_return reply.error();
  std::vector<ListedMember> members;
  for (const Value& item : items(*reply, "members")) {
    const Value* name = item.find("name");
    members.push_back({.id = id_of(item, "ID"),
                       .name = name == nullptr ? "" : node_name(string_form(*name)),
                       .peer_urls = texts_of(item, "peerURLs"),
                       .client_urls = texts_of(item, "clientURLs"),
                       .learner = flag_of(item, "isLearner")});
  }
  co_return members;
}

Task<Result<std::vector<Alarm>>> EtcdAdmin::alarms(http::Url url, Ctx ctx) {
  Value::Map body;
  body.set("action", "GET");
  const auto reply = co_await call(std::move(url), "/maintenance/alarm", std::move(body), std::move(ctx));
  if (!reply) co_return reply.error();
  std::vector<Alarm> alarms;
  for (const Value& item : items(*reply, "alarms")) {
    const Value* kind = item.find("alarm");
    if (kind != nullptr) alarms.push_back({.member_id = id_of(item, "memberID"), .kind = string_form(*kind)});
  }
  co_return alarms;
}

Task<Status> EtcdAdmin::add_learner(http::Url url, std::string peer_url, Ctx ctx) {
  Value::Map body;
  body.set("peerURLs", Value::List{Value(std::move(peer_url))});
  body.set("isLearner", true);
  co_return co_await order(std::move(url), "/cluster/member/add", std::move(body), std::move(ctx));
}

Task<Status> EtcdAdmin::promote(http::Url url, std::string member_id, Ctx ctx) {
  Value::Map body;
  body.set("ID", std::move(member_id));
  const auto done = co_await order(std::move(url), "/cluster/member/promote", std::move(body), std::move(ctx));
  const bool too_early = !done && done.error().text().find("in sync with leader") != std::string::npos;
  co_return too_early ? Status(Error(Errc::kConflict, done.error().text())) : done;
}

Task<Status> EtcdAdmin::remove(http::Url url, std::string member_id, Ctx ctx) {
  Value::Map body;
  body.set("ID", std::move(member_id));
  co_return co_await order(std::move(url), "/cluster/member/remove", std::move(body), std::move(ctx));
}

Task<Status> EtcdAdmin::set_peer_url(http::Url url, std::string member_id, std::string peer_url, Ctx ctx) {
  Value::Map body;
  body.set("ID", std::move(member_id));
  body.set("peerURLs", Value::List{Value(std::move(peer_url))});
  co_return co_await order(std::move(url), "/cluster/member/update", std::move(body), std::move(ctx));
}

Task<Status> EtcdAdmin::compact(http::Url url, std::int64_t revision, Ctx ctx) {
  Value::Map body;
  body.set("revision", std::to_string(revision));
  body.set("physical", true);
  const auto done = co_await order(std::move(url), "/kv/compaction", std::move(body), std::move(ctx));
  // Another node was quicker.
  const bool already = !done && done.error().text().find("has been compacted") != std::string::npos;
  co_return already ? Status() : done;
}

Task<Status> EtcdAdmin::defragment(http::Url url, Ctx ctx) {
  co_return co_await order(std::move(url), "/maintenance/defragment", {}, std::move(ctx));
}

Task<Status> EtcdAdmin::disarm(http::Url url, Alarm alarm, Ctx ctx) {
  Value::Map body;
  body.set("action", "DEACTIVATE");
  body.set("memberID", alarm.member_id);
  body.set("alarm", alarm.kind);
  co_return co_await order(std::move(url), "/maintenance/alarm", std::move(body), std::move(ctx));
}

Task<Status> EtcdAdmin::hand_over(http::Url url, std::string to_member_id, Ctx ctx) {
  Value::Map body;
  body.set("targetID", std::move(to_member_id));
  co_return co_await order(std::move(url), "/maintenance/transfer-leadership", std::move(body), std::move(ctx));
}

Task<Result<Contents>> EtcdAdmin::contents(http::Url url, Ctx ctx) {
  const std::string all(1, '\0');
  Value::Map body;
  body.set("key", http::base64_encode(all));
  body.set("range_end", http::base64_encode(all));
  const auto reply = co_await call(std::move(url), "/kv/range", std::move(body), std::move(ctx));
  if (!reply) co_return reply.error();
  Contents contents{.revision = etcd3::read_header(*reply).revision};
  for (etcd3::KeyValue& kv : etcd3::read_key_values(*reply)) {
    contents.keys.push_back({.key = std::move(kv.key), .value = std::move(kv.value), .leased = !kv.lease.empty()});
  }
  co_return contents;
}

Task<Result<std::string>> EtcdAdmin::get(http::Url url, std::string key, Ctx ctx) {
  const auto reply = co_await call(std::move(url), "/kv/range", etcd3::range_of_key(key), std::move(ctx));
  if (!reply) co_return reply.error();
  const auto found = etcd3::read_key_values(*reply);
  if (found.empty()) co_return Error(Errc::kNotFound, "no key " + key);
  co_return found.front().value;
}

Task<Status> EtcdAdmin::put(http::Url url, std::string key, std::string value, Ctx ctx) {
  co_return co_await order(std::move(url), "/kv/put", etcd3::put(key, value, ""), std::move(ctx));
}

Task<Result<bool>> EtcdAdmin::take_turn(http::Url url, std::string key, std::string who, int seconds, Ctx ctx) {
  Value::Map grant;
  grant.set("TTL", std::to_string(seconds));
  const auto lease = co_await call(url, "/lease/grant", std::move(grant), ctx);
  if (!lease) co_return lease.error();
  const std::string id = etcd3::read_lease(lease->find("ID"));
  const auto reply = co_await call(
      url, "/kv/txn", etcd3::txn({etcd3::compare_absent(key)}, {etcd3::op_put(etcd3::put(key, who, id))}, {}), ctx);
  if (!reply) co_return reply.error();
  co_return etcd3::read_txn(*reply).succeeded;
}

Task<Status> EtcdAdmin::end_turn(http::Url url, std::string key, Ctx ctx) {
  Value::Map body;
  body.set("key", http::base64_encode(key));
  co_return co_await order(std::move(url), "/kv/deleterange", std::move(body), std::move(ctx));
}

}  // namespace matriarch::managed_etcd
