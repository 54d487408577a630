#include "sim/sim_store.h"

#include <algorithm>
#include <utility>

#include "model/codec.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

SimStore::SimStore(Process& process, VirtualScheduler& world, StoreCluster& cluster, Coverage& coverage, Options options)
    : process_(process),
      world_(world),
      cluster_(cluster),
      coverage_(coverage),
      name_(std::move(options.name)),
      endpoint_(options.endpoint),
      ttl_(options.ttl),
      retry_timeout_(options.retry_timeout),
      trust_keepalive_(options.trust_keepalive),
      member_(endpoint_ % cluster.members()),
      lease_(options.resume_lease.empty() ? 0 : std::stoull(options.resume_lease)),
      lease_is_inherited_(lease_ != 0) {}

SimStore::~SimStore() {
  if (watch_ != 0) cluster_.unwatch(watch_);
}

Duration SimStore::try_timeout() const { return std::max<Duration>(retry_timeout_ / 3, milliseconds(200)); }

LeaseHeld SimStore::held(Instant sent_at) const {
  return {.sent_at = sent_at, .lasts = std::min(ttl_, granted_)};
}

// --- requests

template <class T>
Task<Result<SimStore::Answer<T>>> SimStore::propose_once(std::function<T(StoreKeys&)> operation, Ctx ctx) {
  auto box = std::make_shared<std::optional<T>>();
  auto outcome = co_await call<std::uint64_t>(
      process_, ctx.until(process_.now() + try_timeout()), [&](const Completion<std::uint64_t>& done) {
        cluster_.propose(endpoint_, member_, [box, operation](StoreKeys& keys) { box->emplace(operation(keys)); },
                         [done](std::uint64_t term) { done(term); });
        return Callback();
      });
  if (!outcome) {
    member_ = (member_ + 1) % cluster_.members();
    co_return outcome.error();
  }
  co_return Answer<T>{.term = *outcome, .value = std::move(**box)};
}

template <class T>
Task<Result<SimStore::Answer<T>>> SimStore::propose(std::function<T(StoreKeys&)> operation, Attempts attempts, Ctx ctx) {
  const Ctx limit = bounded(ctx);
  while (true) {
    auto answer = co_await propose_once<T>(operation, limit);
    if (answer || attempts == Attempts::kOne) co_return answer;
    if (answer.error().code() == Errc::kCancelled) co_return answer;
    if (process_.now() >= limit.deadline) co_return Error(Errc::kUnavailable, "the store does not answer");
  }
}

Task<Result<StoreCluster::KeepaliveReply>> SimStore::keepalive_once(LeaseId lease, Ctx ctx) {
  using Reply = StoreCluster::KeepaliveReply;
  auto outcome = co_await call<Reply>(
      process_, ctx.until(process_.now() + try_timeout()), [&](const Completion<Reply>& done) {
        cluster_.keepalive(endpoint_, member_, lease, [done](Reply reply) { done(reply); });
        return Callback();
      });
  if (!outcome) member_ = (member_ + 1) % cluster_.members();
  co_return outcome;
}

Task<Result<SimStore::Renewed>> SimStore::renew_lease(Ctx ctx) {
  while (lease_ != 0) {
    const Instant sent_at = process_.now();
    auto reply = co_await keepalive_once(lease_, ctx);
    if (reply) {
      if (reply->found) granted_ = reply->ttl;
      co_return Renewed{.term = reply->term, .sent_at = sent_at, .found = reply->found};
    }
    if (reply.error().code() == Errc::kCancelled || process_.now() >= ctx.deadline) co_return reply.error();
  }
  const Duration whole = std::max<Duration>(std::chrono::ceil<seconds>(ttl_), seconds(2));
  const Instant sent_at = process_.now();
  auto granted = co_await propose<LeaseId>(
      [whole, &world = world_](StoreKeys& keys) {
        const LeaseId id = keys.next_lease++;
        keys.leases[id] = {.ttl = whole, .expires = world.now() + whole};
        return id;
      },
      Attempts::kOne, ctx);
  if (!granted) co_return granted.error();
  lease_ = granted->value;
  granted_ = whole;
  co_return Renewed{.term = granted->term, .sent_at = sent_at, .found = true};
}

// --- reading

Task<Result<ClusterView>> SimStore::load(Ctx ctx) {
  const Instant asked = world_.now();
  auto answer = co_await propose<ClusterView>([](StoreKeys& keys) { return keys.view(); }, Attempts::kUntilDeadline, ctx);
  if (!answer) co_return answer.error();
  last_loaded_ = asked;
  co_return std::move(answer->value);
}

void SimStore::on_change(std::function<void()> changed) {
  if (watch_ != 0) cluster_.unwatch(std::exchange(watch_, 0));
  if (!changed) return;
  watch_ = cluster_.watch(endpoint_, [this, changed = std::move(changed)] {
    if (!process_.dead()) process_.post(changed);
  });
}

// --- the leader's key

Task<Result<LeaseHeld>> SimStore::claim(std::optional<ElectionBasis> basis, Ctx ctx) {
  const Ctx limit = bounded(ctx);
  while (true) {
    auto renewed = co_await renew_lease(limit);
    if (!renewed) co_return renewed.error();
    if (!renewed->found) {
      lease_ = 0;
      continue;
    }
    auto version = std::make_shared<std::uint64_t>(0);
    auto answer = co_await propose<Status>(
        [name = name_, lease = lease_, basis, version, &coverage = coverage_](StoreKeys& keys) -> Status {
          if (!keys.leases.contains(lease)) return Error(Errc::kNotFound, "requested lease not found");
          const bool ours = keys.leader && keys.leader->name == name && keys.leader->lease == lease;
          if (ours) {  // a repetition: the first answer was lost
            *version = keys.leader->version;
            return {};
          }
          if (keys.leader && basis) return Error(Errc::kConflict, "the leader key exists");
          if (basis && *basis != keys.basis()) {
            coverage.hit("store: claim on an old view refused");
            return Error(Errc::kConflict, "what the election was decided on has changed meanwhile");
          }
          keys.leader = {.name = name, .version = keys.advance(), .lease = lease};
          *version = keys.leader->version;
          return {};
        },
        Attempts::kUntilDeadline, limit);
    if (!answer) co_return answer.error();
    if (answer->value) {
      leader_version_ = *version;
      if (answer->term == renewed->term || trust_keepalive_) co_return held(renewed->sent_at);
      coverage_.hit("store: claim in another term than its keepalive");  // the keepalive may have come from a stale leader
    } else if (answer->value.error().code() == Errc::kNotFound) {
      lease_ = 0;
    } else {
      co_return answer->value.error();
    }
    if (process_.now() >= limit.deadline) co_return Error(Errc::kTimeout, "no lease in time");
  }
}

Task<Result<LeaseHeld>> SimStore::acquire_leader(ElectionBasis basis, Ctx ctx) {
  return claim(std::move(basis), std::move(ctx));
}
Task<Result<LeaseHeld>> SimStore::take_leader(Ctx ctx) { return claim(std::nullopt, std::move(ctx)); }

Task<RenewOutcome> SimStore::confirm(Renewed renewed, LeaderReport report, Ctx ctx) {
  auto version = std::make_shared<std::uint64_t>(0);
  auto answer = co_await propose<RenewVerdict>(
      [name = name_, lease = lease_, inherited = lease_is_inherited_, version, report = std::move(report)](StoreKeys& keys) {
        if (!keys.leader || keys.leader->name != name) return RenewVerdict::kLost;
        if (!keys.leases.contains(lease)) return RenewVerdict::kUnknown;
        const bool anew = inherited || keys.leader->lease != lease;
        if (anew) keys.leader = {.name = name, .version = keys.advance(), .lease = lease};
        *version = keys.leader->version;
        if (report.status && *report.status != keys.status) keys.set_status(*report.status);
        if (report.failsafe && !(Value(*report.failsafe) == keys.failsafe)) keys.set_failsafe(Value(*report.failsafe));
        return RenewVerdict::kKept;
      },
      Attempts::kUntilDeadline, ctx);
  if (!answer) co_return RenewOutcome{.why = "the majority did not confirm: " + answer.error().text()};
  if (answer->value == RenewVerdict::kKept) {
    lease_is_inherited_ = false;
    leader_version_ = *version;
  }
  if (answer->value == RenewVerdict::kKept && answer->term == renewed.term) {
    co_return RenewOutcome{.verdict = RenewVerdict::kKept, .lease = held(renewed.sent_at)};
  }
  if (answer->value == RenewVerdict::kLost) {
    co_return RenewOutcome{.verdict = RenewVerdict::kLost, .why = "the leader key is not ours"};
  }
  co_return RenewOutcome{.why = "the term changed between keepalive and confirmation"};
}

Task<RenewOutcome> SimStore::renew_leader(LeaderReport report, Ctx ctx) {
  const Ctx limit = bounded(ctx);
  while (true) {
    auto renewed = co_await renew_lease(limit);
    if (!renewed) co_return RenewOutcome{.why = renewed.error().text()};
    if (!renewed->found) lease_ = 0;
    if (trust_keepalive_ && renewed->found) {
      co_return RenewOutcome{.verdict = RenewVerdict::kKept, .lease = held(renewed->sent_at)};
    }
    if (lease_ == 0) {
      // Either the key went with the lease, or it is bound to an earlier lease of ours: a new one will tell.
      continue;
    }
    RenewOutcome outcome = co_await confirm(*renewed, report, limit);
    if (outcome.verdict != RenewVerdict::kUnknown) co_return outcome;
    if (process_.dead() || process_.now() >= limit.deadline) co_return outcome;
    coverage_.hit("store: renewal repeated");
  }
}

Task<Status> SimStore::release_leader(std::optional<Lsn> optime, Ctx ctx) {
  // A request that is thought lost may arrive seconds later. It must not delete a key that was taken anew by then.
  auto found = std::make_shared<std::uint64_t>(leader_version_);
  const auto attempt = [name = name_, optime, found, &coverage = coverage_](std::uint64_t version) {
    return [name, optime, version, found, &coverage](StoreKeys& keys) -> Status {
      if (!keys.leader || keys.leader->name != name) return Error(Errc::kConflict, "the leader key is not ours");
      if (keys.leader->version != version) {
        coverage.hit("store: release of another version of the leader key refused");
        *found = keys.leader->version;
        return Error(Errc::kConflict, "the leader key was written anew");
      }
      if (optime) {
        StatusInfo status = keys.status;
        status.optime = *optime;
        keys.set_status(std::move(status));
      }
      keys.leader.reset();
      keys.advance();
      return {};
    };
  };
  auto released = co_await write(attempt(leader_version_), ctx);
  if (!released && *found != leader_version_) released = co_await write(attempt(*found), ctx);
  co_return released;
}

// --- our member key

Task<Status> SimStore::touch_member(const MemberData& data, Ctx ctx) {
  Complaints complaints;
  const Member parsed = read_member(name_, write_member(data), "", complaints);
  const Ctx limit = bounded(ctx);
  for (int round = 0; round < 2; ++round) {
    auto renewed = co_await renew_lease(limit);  // the lease of who does not lead is renewed here only
    if (!renewed) co_return renewed.error();
    if (!renewed->found) {
      lease_ = 0;
      continue;
    }
    auto answer = co_await propose<Status>(
        [name = name_, lease = lease_, data = parsed.data](StoreKeys& keys) -> Status {
          if (!keys.leases.contains(lease)) return Error(Errc::kNotFound, "requested lease not found");
          auto& key = keys.members[name];
          if (key.version != 0 && key.lease == lease && key.data == data) return {};
          key = {.data = data, .version = keys.advance(), .lease = lease};
          return {};
        },
        Attempts::kOne, limit);
    if (!answer) co_return answer.error();
    if (answer->value || answer->value.error().code() != Errc::kNotFound) co_return std::move(answer->value);
    lease_ = 0;
  }
  co_return Error(Errc::kUnavailable, "the lease went away twice");
}

Task<Status> SimStore::delete_member(Ctx ctx) {
  return write(
      [name = name_](StoreKeys& keys) -> Status {
        if (keys.members.erase(name) != 0) keys.advance();
        return {};
      },
      std::move(ctx));
}

// --- settings

void SimStore::configure(Duration ttl, Duration retry_timeout) {
  if (ttl != ttl_) lease_ = 0;
  ttl_ = ttl;
  retry_timeout_ = retry_timeout;
}

LeaseTraits SimStore::traits() const { return {.granted = granted_, .granularity = milliseconds(500), .needs_confirm = true}; }

// --- the rest

Task<Status> SimStore::write(std::function<Status(StoreKeys&)> operation, Ctx ctx) {
  auto answer = co_await propose<Status>(std::move(operation), Attempts::kOne, std::move(ctx));
  if (!answer) co_return answer.error();
  co_return std::move(answer->value);
}

namespace {

// Compare-and-set of a text: absent `expected` means always, an empty one "must not exist".
Status put(StoreKeys& keys, std::optional<StoreKeys::Text>& key, const std::string& text,
           const std::optional<Version>& expected) {
  if (expected && *expected != (key ? std::to_string(key->version) : Version())) {
    return Error(Errc::kConflict, "somebody else wrote it");
  }
  key = {.text = text, .version = keys.advance()};
  return {};
}

}  // namespace

Task<Status> SimStore::create_initialize(std::string text, Ctx ctx) {
  return write([text](StoreKeys& keys) { return put(keys, keys.initialize, text, Version()); }, std::move(ctx));
}

Task<Status> SimStore::set_initialize(std::string text, Ctx ctx) {
  return write([text](StoreKeys& keys) { return put(keys, keys.initialize, text, std::nullopt); }, std::move(ctx));
}

Task<Status> SimStore::delete_initialize(Ctx ctx) {
  return write(
      [](StoreKeys& keys) -> Status {
        keys.initialize.reset();
        keys.advance();
        return {};
      },
      std::move(ctx));
}

Task<Status> SimStore::set_config(std::string text, std::optional<Version> expected, Ctx ctx) {
  return write([text, expected](StoreKeys& keys) { return put(keys, keys.config, text, expected); }, std::move(ctx));
}

Task<Status> SimStore::set_failover(std::string text, std::optional<Version> expected, Ctx ctx) {
  return write([text, expected](StoreKeys& keys) { return put(keys, keys.failover, text, expected); }, std::move(ctx));
}

Task<Result<Version>> SimStore::set_sync(std::string text, std::optional<Version> expected, Ctx ctx) {
  auto answer = co_await propose<Result<Version>>(
      [text, expected](StoreKeys& keys) -> Result<Version> {
        const Status done = put(keys, keys.sync, text, expected);
        if (!done) return done.error();
        return std::to_string(keys.sync->version);
      },
      Attempts::kOne, std::move(ctx));
  if (!answer) co_return answer.error();
  co_return std::move(answer->value);
}

Task<Status> SimStore::delete_sync(std::optional<Version> expected, Ctx ctx) {
  return write(
      [expected](StoreKeys& keys) -> Status {
        if (expected && *expected != (keys.sync ? std::to_string(keys.sync->version) : Version())) {
          return Error(Errc::kConflict, "somebody else wrote it");
        }
        keys.sync.reset();
        keys.advance();
        return {};
      },
      std::move(ctx));
}

Task<Status> SimStore::set_history(std::string text, Ctx ctx) {
  return write([text](StoreKeys& keys) { return put(keys, keys.history, text, std::nullopt); }, std::move(ctx));
}

Task<Status> SimStore::set_status(StatusInfo status, Ctx ctx) {
  return write(
      [status](StoreKeys& keys) -> Status {
        keys.set_status(status);
        return {};
      },
      std::move(ctx));
}

Task<Status> SimStore::delete_cluster(Ctx ctx) {
  return write(
      [](StoreKeys& keys) -> Status {
        keys.leader.reset();
        keys.members.clear();
        keys.initialize.reset();
        keys.config.reset();
        keys.failover.reset();
        keys.sync.reset();
        keys.history.reset();
        keys.remove_status();
        keys.remove_failsafe();
        keys.advance();
        return {};
      },
      std::move(ctx));
}

}  // namespace matriarch::sim
