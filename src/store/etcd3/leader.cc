// The leader's key: how it is taken, proved to be ours, and given back.
//
// A keepalive proves nothing by itself: a member that lost its majority goes on answering it for ten seconds and more
// (B19). What counts is an answer that a majority stands behind, sent after the keepalive, in the same raft term. In one
// transaction it compares the leader key's value, writes what the leader publishes, and reads all keys, the leader's lease
// among them. Without anything to publish the transaction is read-only, which etcd serves as a linearizable read: a
// majority stands behind that, too. If etcd elected another leader in between, its term shows and all is done again.
#include <fmt/format.h>

#include "base/log.h"
#include "store/etcd3/etcd3_store.h"

namespace matriarch::etcd3 {

namespace {

// Each turn begins with another keepalive; more than two happen only while etcd changes its leader.
constexpr int kMaxTurns = 8;

// A renewal must stay quick whatever somebody wrote into the store: beyond this it reads the leader key alone.
constexpr std::size_t kMaxBytesToRead = 256u << 10;

const KeyValue* find_key(const TxnReply& reply, const std::string& key) {
  if (!reply.range) return nullptr;
  for (const KeyValue& kv : *reply.range) {
    if (kv.key == key) return &kv;
  }
  return nullptr;
}

RenewOutcome unknown(std::string why) { return {.verdict = RenewVerdict::kUnknown, .why = std::move(why)}; }

std::string holder(const KeyValue* leader) { return leader == nullptr ? "nobody" : leader->value.substr(0, 100); }

}  // namespace

LeaseHeld Etcd3Store::held(const LeaseProof& proof) const {
  return {.sent_at = proof.sent_at, .lasts = std::min(lease_.ttl(), proof.granted)};
}

// The key is ours as of an answer in `term`; is the lease prolonged, too?
Task<Result<LeaseHeld>> Etcd3Store::confirmed(LeaseProof proof, std::uint64_t term, Ctx ctx) {
  if (!proof.term || *proof.term == term) co_return held(proof);
  RenewOutcome renewed = co_await renew_leader({}, ctx);
  if (renewed.verdict == RenewVerdict::kKept) co_return renewed.lease;
  co_return Error(Errc::kTimeout, "the leader key was written, but its lease is not confirmed: " + renewed.why);
}

Value::List Etcd3Store::nobody_leads_and(const ElectionBasis& basis) const {
  Value::List conditions{compare_absent(path("leader"))};
  const std::pair<std::string_view, const Version*> keys[] = {
      {"config", &basis.config},   {"failover", &basis.failover}, {"failsafe", &basis.failsafe},
      {"history", &basis.history}, {"status", &basis.status},     {"sync", &basis.sync}};
  for (const auto& [name, version] : keys) {
    for (Value& condition : version_is(name, *version)) conditions.push_back(std::move(condition));
  }
  return conditions;
}

Task<Result<LeaseHeld>> Etcd3Store::acquire_leader(ElectionBasis basis, Ctx ctx) {
  const std::string key = path("leader");
  const Value::List conditions = nobody_leads_and(basis);
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    const auto proof = co_await lease_.refresh(ctx);
    if (!proof.ok()) co_return proof.error();
    Request request{
        .method = "/kv/txn",
        .body = txn(conditions, {op_put(put(key, options_.name, proof->id))}, {op_range(range_of_key(key))}),
        .idempotent = false};
    const auto reply = co_await gateway_.call(std::move(request), ctx);
    if (!reply.ok() && reply.error().code() == Errc::kNotFound) {
      lease_.forget(proof->id);
      continue;
    }
    if (!reply.ok()) co_return reply.error();
    const TxnReply result = read_txn(reply->body);
    const KeyValue* leader = find_key(result, key);
    const bool did_it_before =
        reply->in_doubt && leader != nullptr && leader->value == options_.name && leader->lease == proof->id;
    if (!result.succeeded && !did_it_before) {
      mirror_.distrust();
      co_return Error(Errc::kConflict, leader != nullptr ? fmt::format("the leader key is held by {}", holder(leader))
                                                         : "what the election was decided on has changed meanwhile");
    }
    const std::int64_t revision = leader != nullptr ? leader->mod_revision : reply->header.revision;
    leader_created_ = leader != nullptr ? leader->create_revision : revision;
    mirror_.wrote("leader", options_.name, proof->id, revision);
    co_return co_await confirmed(*proof, reply->header.raft_term, ctx);
  }
  co_return Error(Errc::kUnavailable, "etcd forgets the lease again and again");
}

Task<Result<LeaseHeld>> Etcd3Store::take_leader(Ctx ctx) {
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    const auto proof = co_await lease_.refresh(ctx);
    if (!proof.ok()) co_return proof.error();
    const auto reply =
        co_await gateway_.call({.method = "/kv/put", .body = put(path("leader"), options_.name, proof->id)}, ctx);
    if (!reply.ok() && reply.error().code() == Errc::kNotFound) {
      lease_.forget(proof->id);
      continue;
    }
    if (!reply.ok()) co_return reply.error();
    mirror_.wrote("leader", options_.name, proof->id, reply->header.revision);
    co_return co_await confirmed(*proof, reply->header.raft_term, ctx);
  }
  co_return Error(Errc::kUnavailable, "etcd forgets the lease again and again");
}

// One transaction: if the key has our name, `actions`; in any case it is read, and everything else along with it.
Task<Result<Etcd3Store::Reading>> Etcd3Store::if_mine(Value::List actions, Ctx ctx) {
  const std::string key = path("leader");
  const bool everything = mirror_.keys().bytes() <= kMaxBytesToRead;
  const Value range = op_range(everything ? range_of_prefix(mirror_.keys().prefix()) : range_of_key(key));
  actions.push_back(range);
  Request request{.method = "/kv/txn", .body = txn({compare_value(key, options_.name)}, std::move(actions), {range})};
  const auto reply = co_await gateway_.call(std::move(request), ctx);
  if (!reply.ok()) co_return reply.error();
  const TxnReply result = read_txn(reply->body);
  if (!result.range) co_return Error(Errc::kProtocol, "etcd answered a transaction without what it read");
  if (everything) mirror_.took_range(*result.range, *reply);
  const KeyValue* leader = find_key(result, key);
  co_return Reading{leader == nullptr ? std::nullopt : std::optional(*leader), reply->header.raft_term};
}

// Proves the key to be ours, and publishes.
Task<Result<Etcd3Store::Reading>> Etcd3Store::confirm(LeaseProof proof, LeaderReport report, Ctx ctx) {
  Value::List puts = report_ops(report);
  if (lease_is_inherited_) puts.push_back(op_put(put(path("leader"), options_.name, proof.id)));
  auto reading = co_await if_mine(puts, ctx);
  if (puts.empty() || reading.ok() || reading.error().code() != Errc::kFailed) co_return std::move(reading);
  // etcd refuses what we want to publish (it is full, say): that must not cost the lock (HA-036).
  log::warning("etcd: could not write {}: {}", lease_is_inherited_ ? "/leader anew" : "/status or /failsafe",
               reading.error().text());
  co_return co_await if_mine({}, ctx);
}

// The key has our name but another lease: that of a former process, or of ours before its ttl changed (DCS-261).
Task<Result<Etcd3Store::Reading>> Etcd3Store::rebind(LeaseProof proof, Ctx ctx) {
  log::warning("I am the leader but not owner of the lease");  // DCS-269
  co_return co_await if_mine({op_put(put(path("leader"), options_.name, proof.id))}, ctx);
}

// Somebody wrote something into the leader key that is no member's name. As long as the key was never deleted since it is
// ours (its create_revision tells) nobody can have taken it meanwhile: everybody takes it only by creating it. So it is
// still ours, and neither a reason to demote nor to leave it as it is. A member's name there is taken seriously.
bool Etcd3Store::is_defaced(std::string_view value, std::int64_t create_revision) const {
  return value != options_.name && leader_created_ != 0 && create_revision == leader_created_ &&
         mirror_.keys().find("members/" + std::string(value)) == nullptr;
}

Task<Result<Etcd3Store::Reading>> Etcd3Store::repair(KeyValue defaced, LeaseProof proof, Ctx ctx) {
  log::warning("/leader holds what is no member's name: writing our own again; check who else writes to the store");
  const std::string key = path("leader");
  const Value range = op_range(range_of_key(key));
  Request request{.method = "/kv/txn",
                  .body = txn({compare_version(key, std::to_string(defaced.mod_revision))},
                              {op_put(put(key, options_.name, proof.id)), range}, {range})};
  const auto reply = co_await gateway_.call(std::move(request), ctx);
  if (!reply.ok()) co_return reply.error();
  const TxnReply result = read_txn(reply->body);
  const KeyValue* leader = find_key(result, key);
  co_return Reading{leader == nullptr ? std::nullopt : std::optional(*leader), reply->header.raft_term};
}

// What the leader key, as a majority knows it, says about us. Absent: our name is on it, with a lease that is not `proof`.
std::optional<RenewOutcome> Etcd3Store::verdict_on(const std::optional<KeyValue>& leader,
                                                   const LeaseProof& proof) const {
  if (!leader) {
    return RenewOutcome{.verdict = RenewVerdict::kLost, .vacant = true, .why = "the leader key has expired"};
  }
  if (is_defaced(leader->value, leader->create_revision)) return std::nullopt;
  if (leader->value != options_.name) {
    return RenewOutcome{.verdict = RenewVerdict::kLost,
                        .why = fmt::format("the leader key is held by {}", holder(&*leader))};
  }
  if (leader->lease != proof.id) return std::nullopt;
  return RenewOutcome{.verdict = RenewVerdict::kKept, .lease = held(proof)};
}

Task<RenewOutcome> Etcd3Store::renew_leader(LeaderReport report, Ctx ctx) {
  std::string why;
  bool rebinding = false;
  std::optional<KeyValue> defaced;
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    const auto proof = co_await lease_.refresh(ctx);
    if (!proof.ok()) co_return unknown(proof.error().text());
    const auto reading = defaced     ? co_await repair(*defaced, *proof, ctx)
                         : rebinding ? co_await rebind(*proof, ctx)
                                     : co_await confirm(*proof, report, ctx);
    rebinding = false;
    defaced.reset();
    if (!reading.ok() && reading.error().code() == Errc::kNotFound) {  // a majority does not know the lease
      why = reading.error().text();
      lease_.forget(proof->id);
      continue;
    }
    if (!reading.ok()) co_return unknown(reading.error().text());
    lease_is_inherited_ = false;
    const auto verdict = verdict_on(reading->leader, *proof);
    if (verdict && verdict->verdict == RenewVerdict::kLost) {
      leader_created_ = 0;
      co_return *verdict;
    }
    if (verdict && (!proof->term || *proof->term == reading->raft_term)) {
      leader_created_ = reading->leader->create_revision;
      co_return *verdict;
    }
    rebinding = !verdict.has_value();
    if (rebinding && reading->leader->value != options_.name) defaced = reading->leader;
    why = rebinding ? "the leader key hangs on another lease" : "etcd changed its leader during the renewal";
  }
  co_return unknown(why);
}

Value::List Etcd3Store::status_ops(const StatusInfo& status) const {
  Value::List ops;
  const std::string text = write_status(status);
  const std::string stored = mirror_.keys().value_of("status");
  if (stored != text &&
      !deep_equal(parse_json(stored).value_or(nullptr), parse_json(text).value_or(nullptr))) {  // DCS-084
    ops.push_back(op_put(put(path("status"), text, {})));
    if (mirror_.has_member_that_reads_optime()) {
      ops.push_back(op_put(put(path("optime/leader"), std::to_string(status.optime.value), {})));
    }
  }
  return ops;
}

Value::List Etcd3Store::report_ops(const LeaderReport& report) const {
  Value::List ops = report.status ? status_ops(*report.status) : Value::List();
  if (report.failsafe) {
    const Value stored = parse_json(mirror_.keys().value_of("failsafe")).value_or(nullptr);
    if (!deep_equal(stored, *report.failsafe))
      ops.push_back(op_put(put(path("failsafe"), to_json(*report.failsafe), {})));
  }
  return ops;
}

Task<Status> Etcd3Store::release_leader(std::optional<Lsn> optime, Ctx ctx) {
  leader_created_ = 0;
  const std::string key = path("leader");
  Value::List actions;
  if (optime) {
    Complaints ignored;                                                           // the status is about to be rewritten
    StatusInfo status = read_status(mirror_.keys().value_of("status"), ignored);  // slots are kept (DCS-083)
    status.optime = *optime;
    actions = status_ops(status);
  }
  actions.push_back(op_delete(key));
  // A request that is thought lost may be carried out seconds later. It must not delete a key that we have taken anew by
  // then: hence the version.
  const Keys::Entry* known = mirror_.keys().find("leader");
  std::int64_t version = known != nullptr && known->value == options_.name ? known->mod_revision : 0;
  for (int turn = 0; turn < 2; ++turn) {
    Request request{.method = "/kv/txn",
                    .body = txn({compare_value(key, options_.name), compare_version(key, std::to_string(version))},
                                actions, {op_range(range_of_key(key))}),
                    .idempotent = false};
    const auto reply = co_await gateway_.call(std::move(request), ctx);
    if (!reply.ok()) co_return reply.error();
    const TxnReply result = read_txn(reply->body);
    const KeyValue* leader = find_key(result, key);
    mirror_.distrust();
    if (result.succeeded) mirror_.erased("leader", reply->header.revision);
    if (result.succeeded || (reply->in_doubt && leader == nullptr)) co_return Status();
    if (leader == nullptr || leader->value != options_.name) {
      co_return Error(Errc::kConflict, fmt::format("the leader key is held by {}", holder(leader)));
    }
    version = leader->mod_revision;
  }
  co_return Error(Errc::kConflict, "the leader key changes while it is being released");
}

}  // namespace matriarch::etcd3
