#include "sim/checks.h"

#include <algorithm>

#include "sim/settings_of.h"

namespace matriarch::sim {

using std::chrono::seconds;

Checks::Checks(const Scenario& scenario, CheckOptions options, VirtualScheduler& scheduler, StoreCluster& store, Trace& trace,
               Coverage& coverage)
    : scenario_(scenario), options_(options), scheduler_(scheduler), store_(store), trace_(trace), coverage_(coverage) {
  store_.on_commit([this](const StoreKeys& keys) { committed(keys); });
}

void Checks::violate(std::string what) {
  if (violations_.size() >= 20) return;
  trace_.line("CHECK", "VIOLATION: {}", what);
  violations_.push_back(fmt::format("at {:.3f} s: {}", to_seconds(scheduler_.now().time_since_epoch()) - 3600.0, what));
}

Node& Checks::node_of(std::string_view name) const {
  return **std::ranges::find_if(nodes_, [&](const Node* node) { return node->name() == name; });
}

// --- one writable primary at any instant

bool Checks::counts_as_primary(Node& node) {
  if (!node.postgres().can_acknowledge()) return false;
  const Guardian* guardian = node.guardian();
  // A paused machine goes on where it stopped: for the moment until its processes run again nothing on it can help.
  constexpr Duration kAwake = std::chrono::milliseconds(100);
  if (scheduler_.now() < node.machine_thawed_at() + kAwake) return false;
  // Armed. One that was started by an agent which itself has not come that far, or was disarmed in a pause, guards nothing.
  if (guardian != nullptr && guardian->alive() && guardian->lease()) return true;
  if (node.guarded_since() == Instant::max()) return false;
  const Settings& believed = node.agent()->agent().node().settings;
  // Cut off during a pause, it does not hear that the pause is over. (A resume will need an armed guardian there.)
  if (believed.paused) believed_paused_[node.index()] = scheduler_.now();
  const Instant since = std::max(node.guarded_since(), believed_paused_[node.index()]);
  return scheduler_.now() >= since + 3 * believed.retry_timeout + options_.grace;
}

void Checks::after_event() {
  int writable = 0;
  for (const Node* node : nodes_) writable += node->postgres().writable() ? 1 : 0;
  if (writable < 2) return;
  coverage_.hit("check: more than one server takes writes (agent dead, frozen, or paused)");
  // In pause an operator may have more than one; resuming takes the agents a moment to sort out.
  const Duration after_pause = 2 * scenario_.settings.loop_wait + seconds(10);
  if (paused_since_ || scheduler_.now() < unpaused_at_ + after_pause) return;
  std::string primaries;
  int count = 0;
  for (Node* node : nodes_) {
    if (!counts_as_primary(*node)) continue;
    ++count;
    primaries += primaries.empty() ? node->name() : " and " + node->name();
  }
  if (count >= 2) violate(fmt::format("INV-1 two writable primaries: {}", primaries));
}

void Checks::writable_changed(Postgres& server) {
  trace_.line(server.name(), "{} writes", server.writable() ? "takes" : "no longer takes");
}

// --- no acknowledged write is lost

bool Checks::synchronous(const ClusterView& view) const {
  const Settings settings = view.config ? settings_of(view.config->data) : scenario_.settings;
  return view.sync.active() && settings.synchronous_mode != SyncMode::kOff;
}

void Checks::acknowledged(Node& node, Lsn end, std::uint64_t serial) {
  ++acknowledged_count_;
  all_.push_back({.end = end, .serial = serial});
  // What people order while the cluster is paused may make two primaries: nothing is stopped then, and nothing is promised.
  if (paused_since_ && operator_acted_ >= *paused_since_) {
    promised_.clear();
    return;
  }
  const ClusterView& view = store_.keys().view();
  if (synchronous(view) && view.sync.leader_matches(node.name())) promised_.push_back({.end = end, .serial = serial});
}

void Checks::check_promise(const Postgres& server) {
  for (const Acknowledged& write : promised_) {
    if (server.wal().contains(write.end, write.serial)) continue;
    violate(fmt::format("INV-2 {} was promoted without a write that had been acknowledged under synchronous replication ({:x})",
                        server.name(), write.end.value));
    promised_.clear();
    return;
  }
}

void Checks::watch_sync(const StoreKeys& keys) {
  if (synchronous(keys.view()) || promised_.empty()) return;
  promised_.clear();  // switched off: nothing is promised any more
}

void Checks::at_end(const Postgres& primary) {
  check_promise(primary);
  for (const Acknowledged& write : all_) {
    if (!primary.wal().contains(write.end, write.serial)) ++lost_;
  }
  if (lost_ > 0) coverage_.hit("check: acknowledged writes lost (asynchronous replication)");
}

// --- elections

void Checks::judge_election(const StoreKeys& keys, const std::string& winner) {
  const ClusterView& view = keys.view();
  const Postgres& server = node_of(winner).postgres();
  const Settings settings = view.config ? settings_of(view.config->data) : scenario_.settings;
  election_ = {.winner = winner, .complaint = std::nullopt};
  const bool asked_for = view.failover && view.failover->pending();
  const bool asked_for_me = asked_for && view.failover->candidate == winner;
  const Value::Map& tags = scenario_.tags.at(static_cast<std::size_t>(node_of(winner).index()));
  if (server.writable()) {
    if (view.timeline() > server.wal().timeline() && !settings.paused) {
      election_.complaint = "HA-172: a primary of an old timeline took the lock";
    }
    return;
  }
  if (asked_for_me) return;
  const Lsn position = server.wal().end();
  if (!asked_for && view.status.optime.value > position.value + settings.maximum_lag_on_failover) {
    election_.complaint = fmt::format("HA-182: it lags by {} bytes", view.status.optime.value - position.value);
  } else if (view.sync.active() && settings.synchronous_mode == SyncMode::kPriority && !view.sync.matches(winner, true)) {
    election_.complaint = "HA-178: it is not in /sync";
  } else if (Tags{.raw = tags}.nofailover()) {
    election_.complaint = "HA-174: it is tagged nofailover";
  } else if (settings.check_timeline && view.timeline() > server.wal().timeline()) {
    election_.complaint = "HA-183: its timeline is old";
  }
}

void Checks::committed(const StoreKeys& keys) {
  const std::string leader = keys.leader ? keys.leader->name : std::string();
  if (leader != leader_ || (keys.leader && keys.leader->version != leader_version_ && leader_ != leader)) {
    trace_.line("store", "leader key: {} -> {}", leader_.empty() ? "-" : leader_, leader.empty() ? "-" : leader);
    if (!leader.empty()) judge_election(keys, leader);
    ever_led_ = true;
    leader_ = leader;
  }
  leader_version_ = keys.leader ? keys.leader->version : 0;
  if (!(keys.failsafe == failsafe_)) {
    failsafe_ = keys.failsafe;
    trace_.line("store", "/failsafe: {}", to_json(failsafe_));
  }
  watch_sync(keys);
  watch_pause(keys);
  watch_identity(keys);
}

void Checks::commanded(Node& node, ServerCommand command) {
  trace_.line(node.name(), "agent: {}", to_string(command));
  coverage_.hit(fmt::format("command: {}", to_string(command)));
  // Nothing prevents what a process was about to do when it was frozen; with a guardian the server is gone by then.
  const bool just_thawed = scheduler_.now() - seconds(1) < node.guarded_since();
  if (command == ServerCommand::kPromote && !just_thawed) {
    if (leader_ != node.name()) {
      violate(fmt::format("INV-3 {} promotes, but the leader key says '{}'", node.name(), leader_));
    } else if (election_.winner == node.name() && election_.complaint) {
      violate(fmt::format("INV-3 {} promotes against the election rule: {}", node.name(), *election_.complaint));
    }
  }
  if (command == ServerCommand::kPromote) election_.complaint.reset();  // whoever leads on is not elected again
  if (command != ServerCommand::kFollow) check_pause(node, command);
}

// INV-5, for agents that have known of the pause for long enough to have ended what they were doing. What people asked for
// is theirs.
void Checks::check_pause(const Node& node, ServerCommand command) {
  constexpr Duration kSettled = seconds(25);
  const Instant now = scheduler_.now();
  if (!paused_since_ || now < *paused_since_ + kSettled || now < operator_acted_ + seconds(120)) return;
  if (node.agent() == nullptr || node.guarded_since() == Instant::max() || now < node.guarded_since() + kSettled) return;
  if (node.agent()->store().last_loaded() < *paused_since_) return;
  violate(fmt::format("INV-5 the cluster is paused, and the agent of {} does '{}'", node.name(), to_string(command)));
}

void Checks::promoted(Postgres& server) {
  coverage_.hit("check: promotions");
  const ClusterView& view = store_.keys().view();
  const bool by_hand = view.failover && view.failover->pending() && !view.failover->is_switchover();
  if (by_hand || scheduler_.now() < operator_acted_ + seconds(60)) {
    promised_.clear();  // a manual failover may lose data (HA-209, SYNC-040)
    return;
  }
  check_promise(server);
}

// --- pause, identity, data

void Checks::watch_pause(const StoreKeys& keys) {
  const ClusterView& view = keys.view();
  const bool paused = view.config && settings_of(view.config->data).paused;
  if (paused && !paused_since_) {
    paused_since_ = scheduler_.now();
    trace_.line("store", "paused");
  } else if (!paused && paused_since_) {
    paused_since_.reset();
    unpaused_at_ = scheduler_.now();
    trace_.line("store", "resumed");
  }
}

void Checks::watch_identity(const StoreKeys& keys) {
  const std::optional<std::string> now = keys.initialize ? std::optional(keys.initialize->text) : std::nullopt;
  if (now == identity_) return;
  trace_.line("store", "/initialize: '{}'", now.value_or("(none)"));
  const bool replaced = identity_ && is_valid_system_id(*identity_) && now && is_valid_system_id(*now);
  const bool somebody_has_it = std::ranges::any_of(nodes_, [&](const Node* node) {
    return node->postgres().directory() == Postgres::Directory::kPresent && node->postgres().system_id() == *identity_;
  });
  if (replaced && somebody_has_it) violate(fmt::format("HA-087 /initialize was {} and is overwritten with {}", *identity_, *now));
  identity_ = now;
}

void Checks::initialized(Postgres& server) {
  coverage_.hit("check: initdb");
  for (const Node* node : nodes_) {
    const Postgres& other = node->postgres();
    if (&other == &server || other.directory() != Postgres::Directory::kPresent) continue;
    violate(fmt::format("HA-087 {} initialised a second cluster beside the one of {}", server.name(), other.name()));
  }
}

void Checks::before_data_loss(Postgres& server, std::string_view how) {
  // Before somebody has led there is nothing to lose: a bootstrap that failed is thrown away (HA-099).
  if (!ever_led_ || !server.has_complete_data() || !identity_ || server.system_id() != *identity_) return;
  for (const Node* node : nodes_) {
    const Postgres& other = node->postgres();
    if (&other == &server || !other.has_complete_data() || other.system_id() != *identity_) continue;
    if (other.wal().end() >= server.wal().end() || other.name() == leader_ ||
        other.wal().timeline() > server.wal().timeline()) {
      return;
    }
  }
  violate(fmt::format("INV-4 the last complete copy of the data is removed at {} ({})", server.name(), how));
}

void Checks::started_half_rewound(Postgres& server) {
  violate(fmt::format("INV-4 {} is started although a rewind of it was interrupted", server.name()));
}

void Checks::diverged_stream(Postgres& standby, Postgres& upstream) {
  trace_.line(standby.name(), "does not fit to {}: same timeline, different records", upstream.name());
}

}  // namespace matriarch::sim
