#include "store/etcd3/etcd3_store.h"

#include <fmt/format.h>

#include "base/log.h"

namespace matriarch::etcd3 {

Result<std::unique_ptr<Etcd3Store>> Etcd3Store::create(Reactor& reactor, Etcd3Options options) {
  if (options.scope.empty()) return Error(Errc::kInvalid, "scope is empty: give the cluster a name");
  if (options.endpoints.empty() && options.srv.empty()) {
    return Error(Errc::kInvalid, "etcd3: none of host, hosts, url, proxy, srv is set");
  }
  std::shared_ptr<const http::TlsContext> tls;
  const bool maybe_tls = options.https || !options.srv.empty() || !options.cacert.empty() || !options.cert.empty();
  if (maybe_tls) {
    auto made = http::TlsContext::for_client({.ca = options.cacert,
                                              .cert_file = options.cert,
                                              .key_file = options.key,
                                              .key_password = options.key_password,
                                              .verify_chain = !options.cacert.empty(),  // DCS-233
                                              .verify_host = !options.cacert.empty()});
    if (!made.ok()) return made.error().in("etcd3");
    tls = *std::move(made);
  }
  return std::unique_ptr<Etcd3Store>(new Etcd3Store(reactor, std::move(options), std::move(tls)));
}

Etcd3Store::Etcd3Store(Reactor& reactor, Etcd3Options options, std::shared_ptr<const http::TlsContext> tls)
    : options_(std::move(options)),
      group_(reactor),
      gateway_(reactor, group_, options_, std::move(tls)),
      lease_(reactor, gateway_, options_),
      mirror_(reactor, group_, gateway_, base_path(options_), options_.name, !options_.cli),
      lease_is_inherited_(!lease_.id().empty()) {
  mirror_.set_ttl(options_.ttl);
  gateway_.on_moved([this] { mirror_.restart_watch(); });
}

Task<void> Etcd3Store::close() {
  mirror_.on_change({});
  group_.request_stop();
  mirror_.restart_watch();
  co_await group_.join();
}

Task<Result<ClusterView>> Etcd3Store::load(Ctx ctx) {
  auto view = co_await mirror_.load(std::move(ctx));
  const Keys::Entry* leader = mirror_.keys().find("leader");
  if (view.ok() && leader != nullptr && is_defaced(leader->value, leader->create_revision)) {
    view->leader =
        Leader{.name = options_.name, .version = std::to_string(leader->mod_revision), .session = leader->lease};
  }
  co_return view;
}
void Etcd3Store::on_change(std::function<void()> changed) { mirror_.on_change(std::move(changed)); }

void Etcd3Store::configure(Duration ttl, Duration retry_timeout) {
  lease_.set_times(ttl, retry_timeout);
  mirror_.set_ttl(ttl);
  gateway_.set_times(ttl, retry_timeout);
}

LeaseTraits Etcd3Store::traits() const {
  // Measured: etcd looks for expired leases twice a second.
  return {.granted = lease_.granted(), .granularity = std::chrono::milliseconds(500), .needs_confirm = true};
}

// --- our member key

Task<Status> Etcd3Store::touch_member(const MemberData& data, Ctx ctx) {
  const std::string name = "members/" + options_.name;
  const Value wanted = member_to_value(data);
  const std::string text = to_json(wanted);
  for (int turn = 0; turn < 2; ++turn) {
    const auto lease = co_await lease_.ensure(ctx);
    if (!lease.ok()) co_return lease.error();
    const Keys::Entry* stored = mirror_.keys().find(name);
    if (stored != nullptr && stored->lease == *lease &&
        (stored->value == text || deep_equal(parse_json(stored->value).value_or(nullptr), wanted))) {
      co_return Status();  // DCS-259
    }
    const auto written = co_await change({.name = name, .text = text, .lease = *lease}, ctx);
    if (written.ok()) co_return Status();
    if (written.error().code() != Errc::kNotFound) co_return written.error();
    lease_.forget(*lease);
  }
  co_return Error(Errc::kUnavailable, "etcd forgets the lease again and again");
}

Task<Status> Etcd3Store::delete_member(Ctx ctx) { return change_status({.name = "members/" + options_.name}, ctx); }

// --- single keys

Value::List Etcd3Store::version_is(std::string_view name, const std::optional<Version>& expected) const {
  if (!expected) return {};
  return {expected->empty() ? compare_absent(path(name)) : compare_version(path(name), *expected)};
}

Task<Result<std::int64_t>> Etcd3Store::change(Change change, Ctx ctx) {
  const std::string key = path(change.name);
  const bool conditional = !change.condition.empty();
  Value action = change.text ? op_put(put(key, *change.text, change.lease)) : op_delete(key);
  Request request{.method = "/kv/txn",
                  .body = txn(change.condition, {std::move(action)}, {op_range(range_of_key(key))}),
                  .idempotent = !conditional};
  const auto reply = co_await gateway_.call(std::move(request), ctx);
  if (!reply.ok()) co_return reply.error();
  const TxnReply result = read_txn(reply->body);
  std::int64_t revision = reply->header.revision;
  if (!result.succeeded) {
    const KeyValue* found = result.range && !result.range->empty() ? &result.range->front() : nullptr;
    // Two nodes may want to write the same empty text; only another text is certain to be ours.
    const bool did_it_before =
        reply->in_doubt &&
        (change.text ? found != nullptr && !found->value.empty() && found->value == *change.text : found == nullptr);
    if (!did_it_before) {
      mirror_.distrust();
      co_return Error(Errc::kConflict, fmt::format("{} was changed by somebody else", key));
    }
    if (found != nullptr) revision = found->mod_revision;
  }
  if (change.text) {
    mirror_.wrote(change.name, *change.text, change.lease, revision);
  } else {
    mirror_.erased(change.name, revision);
  }
  co_return revision;
}

Task<Status> Etcd3Store::change_status(Change wanted, Ctx ctx) {
  const auto changed = co_await change(std::move(wanted), ctx);
  co_return changed.ok() ? Status() : Status(changed.error());
}

Task<Status> Etcd3Store::create_initialize(std::string text, Ctx ctx) {
  return change_status(
      {.name = "initialize", .text = std::move(text), .condition = {compare_absent(path("initialize"))}}, ctx);
}

Task<Status> Etcd3Store::set_initialize(std::string text, Ctx ctx) {
  return change_status({.name = "initialize", .text = std::move(text)}, ctx);
}

Task<Status> Etcd3Store::delete_initialize(Ctx ctx) { return change_status({.name = "initialize"}, ctx); }

Task<Status> Etcd3Store::set_config(std::string text, std::optional<Version> expected, Ctx ctx) {
  return change_status({.name = "config", .text = std::move(text), .condition = version_is("config", expected)}, ctx);
}

Task<Status> Etcd3Store::set_failover(std::string text, std::optional<Version> expected, Ctx ctx) {
  return change_status({.name = "failover", .text = std::move(text), .condition = version_is("failover", expected)},
                       ctx);
}

Task<Result<Version>> Etcd3Store::set_sync(std::string text, std::optional<Version> expected, Ctx ctx) {
  const auto changed =
      co_await change({.name = "sync", .text = std::move(text), .condition = version_is("sync", expected)}, ctx);
  if (!changed.ok()) co_return changed.error();
  co_return std::to_string(*changed);
}

Task<Status> Etcd3Store::delete_sync(std::optional<Version> expected, Ctx ctx) {
  return change_status({.name = "sync", .text = std::nullopt, .condition = version_is("sync", expected)}, ctx);
}

Task<Status> Etcd3Store::set_history(std::string text, Ctx ctx) {
  return change_status({.name = "history", .text = std::move(text)}, ctx);
}

Task<Status> Etcd3Store::set_status(StatusInfo status, Ctx ctx) {
  return change_status({.name = "status", .text = write_status(status)}, ctx);
}

Task<Status> Etcd3Store::delete_cluster(Ctx ctx) {
  const auto reply =
      co_await gateway_.call({.method = "/kv/deleterange", .body = delete_prefix(mirror_.keys().prefix())}, ctx);
  mirror_.distrust();
  co_return reply.ok() ? Status() : Status(reply.error());
}

// --- Citus

Task<Result<std::map<int, ClusterView>>> Etcd3Store::load_groups(Ctx ctx) {
  const std::string& prefix = mirror_.keys().prefix();
  const auto reply = co_await gateway_.call({.method = "/kv/range", .body = range_of_prefix(prefix)}, ctx);
  if (!reply.ok()) co_return reply.error();
  std::map<int, std::vector<RawKey>> keys;
  for (KeyValue& kv : read_key_values(reply->body)) {
    const std::string name = kv.key.substr(prefix.size());
    const auto slash = name.find('/');
    const std::string group = name.substr(0, slash);
    const auto number = parse_int(group);
    if (slash == name.npos || !number || std::to_string(*number) != group || *number < 0 || *number > 1'000'000)
      continue;
    keys[static_cast<int>(*number)].push_back(
        {name.substr(slash + 1), std::move(kv.value), std::to_string(kv.mod_revision), std::move(kv.lease)});
  }
  std::map<int, ClusterView> groups;
  Complaints complaints;
  for (const auto& [group, raw] : keys) groups.emplace(group, read_cluster(raw, complaints));
  for (const std::string& complaint : complaints) log::error("etcd: {}{}", prefix, complaint);
  co_return groups;
}

}  // namespace matriarch::etcd3
