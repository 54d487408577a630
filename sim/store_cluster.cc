#include "sim/store_cluster.h"

#include <algorithm>

namespace matriarch::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLeaseTick = milliseconds(500);  // how often the leader looks for expired leases (measured with etcd)

}  // namespace

StoreCluster::StoreCluster(VirtualScheduler& scheduler, Network& network, Trace& trace, Coverage& coverage, Random random,
                           Endpoint first_endpoint, int members)
    : scheduler_(scheduler),
      network_(network),
      trace_(trace),
      coverage_(coverage),
      random_(random),
      first_endpoint_(first_endpoint),
      members_(index(members)) {
  scheduler_.after(random_.between(milliseconds(1), kLeaseTick), [this] { expire_leases(); });
}

bool StoreCluster::has_quorum(int member) const {
  if (member < 0 || !votes(member)) return false;
  int reached = 0;
  for (int other = 0; other < members(); ++other) {
    if (votes(other) && linked(member, other)) ++reached;
  }
  return reached * 2 > members();
}

// --- requests

void StoreCluster::keepalive(Endpoint client, int member, LeaseId lease, std::function<void(KeepaliveReply)> answered) {
  const auto there = network_.transit(client, endpoint_of(member));
  if (!there) return;
  scheduler_.after(*there, [this, client, member, lease, answered = std::move(answered)]() mutable {
    bool answers_at_all = false;
    const KeepaliveReply reply = answer_keepalive(member, lease, answers_at_all);
    if (!answers_at_all) return;
    const auto back = network_.transit(endpoint_of(member), client);
    if (!back) return;
    scheduler_.after(*back, [reply, answered = std::move(answered)] { answered(reply); });
  });
}

StoreCluster::KeepaliveReply StoreCluster::answer_keepalive(int member, LeaseId lease, bool& answers_at_all) {
  if (!answers(member)) return {};
  Member& m = members_[index(member)];
  if (member != leader_ && m.stale_until > scheduler_.now()) {
    // It was replaced and does not know: it prolongs its own copy of the lease, which counts for nothing.
    answers_at_all = true;
    const auto known = m.stale_leases.find(lease);
    if (known == m.stale_leases.end()) return {.term = m.term, .found = false};
    coverage_.hit("store: stale leader answered a keepalive");
    return {.term = m.term, .found = true, .ttl = known->second};
  }
  if (leader_ < 0 || !answers(leader_) || !linked(member, leader_)) return {};
  answers_at_all = true;
  const auto known = keys_.leases.find(lease);
  const std::uint64_t term = members_[index(leader_)].term;
  if (known == keys_.leases.end()) return {.term = term, .found = false};
  known->second.expires = scheduler_.now() + known->second.ttl;
  return {.term = term, .found = true, .ttl = known->second.ttl};
}

void StoreCluster::propose(Endpoint client, int member, std::function<void(StoreKeys&)> apply,
                           std::function<void(std::uint64_t)> answered) {
  const auto there = network_.transit(client, endpoint_of(member));
  if (!there) return;
  scheduler_.after(*there, [this, client, member, apply = std::move(apply), answered = std::move(answered)]() mutable {
    commit(member, std::move(apply), [this, client, member, answered = std::move(answered)](std::uint64_t term) {
      const auto back = network_.transit(endpoint_of(member), client);
      if (back) scheduler_.after(*back, [term, answered] { answered(term); });
    });
  });
}

void StoreCluster::commit(int member, std::function<void(StoreKeys&)> apply, std::function<void(std::uint64_t)> done) {
  // A follower passes it on to the leader; without one it is never answered.
  if (!answers(member) || leader_ < 0 || !linked(member, leader_) || !has_quorum(leader_)) return;
  const Duration agreed_in = random_.between(milliseconds(1), milliseconds(4));
  const std::uint64_t term = term_;
  scheduler_.after(agreed_in, [this, member, term, apply = std::move(apply), done = std::move(done)] {
    if (term != term_ || !has_quorum(leader_)) return;
    apply(keys_);
    committed();
    if (answers(member)) done(term_);
  });
}

void StoreCluster::edit(const std::function<void(StoreKeys&)>& change) {
  change(keys_);
  committed();
}

void StoreCluster::committed() {
  if (keys_.revision() == announced_revision_) return;
  announced_revision_ = keys_.revision();
  if (observer_) observer_(keys_);
  for (const auto& item : watchers_) notify(item.first);
}

// --- watches

int StoreCluster::watch(Endpoint client, std::function<void()> changed) {
  const int handle = next_watcher_++;
  watchers_.emplace(handle, Watcher{.client = client, .changed = std::move(changed), .member = handle % members()});
  return handle;
}

void StoreCluster::unwatch(int handle) { watchers_.erase(handle); }

void StoreCluster::notify(int handle) {
  Watcher& watcher = watchers_.at(handle);
  if (watcher.broken) return;
  const bool informed = answers(watcher.member) && leader_ >= 0 && linked(watcher.member, leader_);
  const auto transit = informed ? network_.transit(endpoint_of(watcher.member), watcher.client) : std::nullopt;
  if (!transit) {
    // The stream is cut. The client finds out after a while, connects to another member and looks again.
    watcher.broken = true;
    scheduler_.after(random_.between(milliseconds(200), seconds(8)), [this, handle] { reconnect(handle); });
    return;
  }
  scheduler_.after(*transit + random_.between(milliseconds(0), milliseconds(3)), [this, handle] {
    const auto found = watchers_.find(handle);
    if (found != watchers_.end() && !found->second.broken) found->second.changed();
  });
}

void StoreCluster::reconnect(int handle) {
  const auto found = watchers_.find(handle);
  if (found == watchers_.end()) return;
  Watcher& watcher = found->second;
  watcher.member = (watcher.member + 1) % members();
  const bool works = answers(watcher.member) && leader_ >= 0 && linked(watcher.member, leader_) &&
                     network_.connected(watcher.client, endpoint_of(watcher.member));
  if (!works) {
    scheduler_.after(seconds(1), [this, handle] { reconnect(handle); });
    return;
  }
  coverage_.hit("store: watch reconnected");
  watcher.broken = false;
  notify(handle);
}

// --- leases

void StoreCluster::expire_leases() {
  scheduler_.after(kLeaseTick, [this] { expire_leases(); });
  if (leader_ < 0 || !has_quorum(leader_)) return;
  std::vector<LeaseId> expired;
  for (const auto& [id, lease] : keys_.leases) {
    if (lease.expires <= scheduler_.now()) expired.push_back(id);
  }
  for (const LeaseId id : expired) {
    commit(leader_, [this, id](StoreKeys& keys) {
      const auto found = keys.leases.find(id);
      if (found == keys.leases.end()) return;
      if (keys.leader && keys.leader->lease == id) {
        trace_.line("store", "lease {} expired: leader key of {} removed", id, keys.leader->name);
        coverage_.hit("store: leader key expired");
      }
      keys.remove_lease(id);
    }, [](std::uint64_t) {});
  }
}

// --- members

void StoreCluster::crash(int member) {
  members_[index(member)] = Member{.up = false, .term = members_[index(member)].term};
  review();
}

void StoreCluster::freeze(int member) {
  members_[index(member)].frozen = true;
  review();
}

void StoreCluster::freeze_disk(int member) {
  members_[index(member)].disk_frozen = true;
  review();
}

void StoreCluster::recover(int member) {
  Member& m = members_[index(member)];
  m.up = true;
  m.frozen = false;
  m.disk_frozen = false;
  review();
}

void StoreCluster::move_leader() {
  if (!healthy()) return;
  depose();
  review();
}

void StoreCluster::review() {
  if (review_pending_) return;
  review_pending_ = true;
  // One election timeout: a leader without a majority is replaced, a majority without a leader elects one.
  scheduler_.after(random_.between(milliseconds(500), milliseconds(1500)), [this] {
    review_pending_ = false;
    if (leader_ >= 0 && has_quorum(leader_)) return;
    if (leader_ >= 0) depose();
    elect();
  });
}

void StoreCluster::depose() {
  Member& old = members_[index(leader_)];
  trace_.line("store", "member {} leads no more (term {})", leader_, term_);
  if (old.up) {
    // Measured: such a member goes on answering keepalives for ten seconds and more.
    old.stale_until = scheduler_.now() + random_.between(seconds(0), seconds(25));
    old.stale_leases.clear();
    for (const auto& [id, lease] : keys_.leases) old.stale_leases[id] = lease.ttl;
  }
  leader_ = -1;
}

void StoreCluster::elect() {
  std::vector<int> candidates;
  for (int member = 0; member < members(); ++member) {
    if (has_quorum(member)) candidates.push_back(member);
  }
  if (candidates.empty()) {
    // Whoever heals something calls review() again.
    trace_.line("store", "no majority");
    coverage_.hit("store: no majority");
    return;
  }
  leader_ = random_.pick(candidates);
  ++term_;
  for (int member = 0; member < members(); ++member) {
    if (votes(member) && linked(member, leader_)) {
      members_[index(member)].term = term_;
      members_[index(member)].stale_until = Instant();
    }
  }
  // A new leader does not know when leases were last renewed: all start again.
  for (auto& [id, lease] : keys_.leases) lease.expires = scheduler_.now() + lease.ttl;
  trace_.line("store", "member {} leads, term {}", leader_, term_);
  coverage_.hit("store: leader changed");
}

}  // namespace matriarch::sim
