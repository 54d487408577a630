#include "policy/sync/standbys.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace matriarch::policy::sync {

namespace {

constexpr int kFirstWithSeveral = 90600;

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

const Member* member_of(const ClusterView& view, std::string_view name) {
  const auto found = std::ranges::find_if(view.members, [&](const Member& member) { return same_name(member.name, name); });
  return found == view.members.end() ? nullptr : &*found;
}

// SYNC-007.
const Member* countable(const World& world, std::string_view name) {
  const Member* member = member_of(*world.view, name);
  if (member == nullptr || member->name == world.me || !member->is_running() || member->data.tags.nosync()) return nullptr;
  return member;
}

Lsn position_of(const WalSender& row, const std::string& synchronous_commit) {
  if (synchronous_commit == "remote_apply") return row.replay_lsn;
  if (synchronous_commit == "remote_write") return row.write_lsn;
  return row.flush_lsn;
}

// By member: the walsender that serves it, and how far it is.
using Streams = std::map<std::string, Standby>;

Streams streams_of(const World& world) {
  Streams streams;
  for (const WalSender& row : world.server.walsenders) {
    const Member* member = countable(world, row.application_name);
    const Lsn position = position_of(row, world.server.synchronous_commit);
    if (member == nullptr || row.state != "streaming" || !position) continue;
    streams[member->name] = {.name = member->name,
                             .sync_state = row.sync_state,
                             .position = position,
                             .nofailover = member->data.tags.nofailover()};
  }
  return streams;
}

// SYNC-008: it is meant to stream from another standby, which is there for it.
bool should_cascade(const World& world, const Streams& streams, const Standby& standby) {
  const Member* at = countable(world, standby.name);
  std::set<std::string> passed;
  while (at != nullptr && passed.insert(at->name).second) {
    const std::string from = at->data.tags.replicatefrom();
    if (from.empty() || same_name(from, at->name)) return at->name != standby.name && streams.contains(at->name);
    at = countable(world, from);
  }
  return false;
}

int priority_of(const World& world, const Standby& standby) {
  const Member* member = member_of(*world.view, standby.name);
  return member == nullptr ? 0 : member->data.tags.sync_priority();
}

// SYNC-009. The text of the state is compared on purpose: sync > quorum > potential > async, so who is waited for stays.
bool is_preferred(const World& world, const Standby& a, const Standby& b) {
  if (a.nofailover != b.nofailover) return b.nofailover;
  const std::tuple left(priority_of(world, a), std::string_view(a.sync_state), a.position);
  const std::tuple right(priority_of(world, b), std::string_view(b.sync_state), b.position);
  return left != right ? left > right : a.name < b.name;
}

// SYNC-010.
void drop_laggards(const World& world, std::vector<Standby>& standbys) {
  const auto most = world.settings.maximum_lag_on_syncnode;
  if (most <= 0 || standbys.empty()) return;
  Lsn reference = world.server.wal_lsn;
  if (standbys.size() > 1) reference = std::ranges::max(standbys, {}, &Standby::position).position;
  std::erase_if(standbys, [&](const Standby& s) {
    return reference > s.position && reference.value - s.position.value > static_cast<std::uint64_t>(most);
  });
}

}  // namespace

std::vector<Standby> standbys_in_order(const World& world) {
  const Streams streams = streams_of(world);
  std::vector<Standby> result;
  for (const auto& [name, standby] : streams) {
    if (!should_cascade(world, streams, standby)) result.push_back(standby);
  }
  std::ranges::sort(result, [&](const Standby& a, const Standby& b) { return is_preferred(world, a, b); });
  drop_laggards(world, result);
  return result;
}

int strict_minimum(const Settings& settings) { return settings.synchronous_mode_strict ? 1 : 0; }

int wanted_count(const World& world) {
  const int major = world.server.major_version;
  const int wanted = std::max(world.settings.synchronous_node_count, strict_minimum(world.settings));
  return major != 0 && major < kFirstWithSeveral ? std::min(wanted, 1) : wanted;
}

std::string spelled_as_member(const ClusterView& view, const std::string& name) {
  const Member* member = member_of(view, name);
  return member == nullptr ? name : member->name;
}

}  // namespace matriarch::policy::sync
