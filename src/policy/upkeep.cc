#include "policy/upkeep.h"

#include <algorithm>

namespace matriarch::policy {

namespace {

bool retains_member_slots(const World& world) {
  return world.settings.member_slots_ttl > Duration::zero() && world.server.major_version >= 110000;
}

// DCS-143: does this member stream from me?
bool expected_active(const World& world, const Member& member) {
  const std::string from = member.data.tags.replicatefrom();
  if (world.lock_mine()) return from.empty() || from == world.me || world.view->member(from) == nullptr;
  return from == world.me && member.name != world.view->leader_name();
}

// DCS-145. Leaders before 4.0 do not publish the slots of members.
bool leader_publishes_slots(const World& world) {
  const Member* leader = world.view->leader_member();
  if (leader == nullptr || leader->data.version.empty()) return true;
  return parse_int(leader->data.version.substr(0, leader->data.version.find('.'))).value_or(4) >= 4;
}

Lsn published_position(const World& world, const Member& member, const std::string& slot) {
  const auto& slots = world.view->status.slots;
  const auto found = slots.find(slot);
  const Lsn stored = found == slots.end() ? Lsn{} : found->second;
  const bool from_leader = member.data.tags.replicatefrom().empty() && leader_publishes_slots(world);
  return from_leader ? stored : std::max(stored, member.data.xlog_location);
}

}  // namespace

std::map<std::string, WantedSlot> wanted_slots(const World& world) {
  std::map<std::string, WantedSlot> wanted;
  if (!world.view || !world.settings.use_slots) return wanted;
  const bool retain = retains_member_slots(world);
  for (const auto& member : world.view->members) {
    if (member.name == world.me || member.data.tags.nostream()) continue;
    const bool active = expected_active(world, member);
    const bool feeds_it = member.data.tags.replicatefrom() == world.me;
    const bool keep = retain ? !world.tags.nofailover() || feeds_it : active;
    if (!keep) continue;
    const std::string slot = slot_name_of_member(member.name);
    wanted[slot] = {.advance_to = active ? Lsn{} : published_position(world, member, slot), .expect_active = active};
  }
  if (!retain || world.tags.nofailover()) return wanted;
  for (const auto& slot : world.view->status.retain_slots) {  // DCS-146
    if (slot == slot_name_of_member(world.me) || wanted.contains(slot)) continue;
    const auto found = world.view->status.slots.find(slot);
    wanted[slot] = {.advance_to = world.lock_mine() || found == world.view->status.slots.end() ? Lsn{} : found->second,
                    .expect_active = false};
  }
  return wanted;
}

ClusterView with_slot_positions(ClusterView view, const std::map<std::string, Lsn>& by_slot) {
  for (const auto& [slot, position] : by_slot) view.status.slots[slot] = position;
  for (auto& member : view.members) {
    const auto known = by_slot.find(slot_name_of_member(member.name));
    if (known != by_slot.end() && !member.data.tags.replicatefrom().empty()) member.data.xlog_location = known->second;
  }
  return view;
}

std::map<std::string, Instant> remember_slots(const World& world, std::map<std::string, Instant> seen) {
  if (!world.view || !world.lock_mine()) return {};
  for (const auto& slot : world.view->status.retain_slots) seen.try_emplace(slot, world.now);  // a new leader: from now on
  for (const auto& member : world.view->members) {
    if (!member.data.tags.nostream()) seen[slot_name_of_member(member.name)] = world.now;
  }
  std::erase_if(seen, [&](const auto& entry) { return world.now - entry.second >= world.settings.member_slots_ttl; });
  return seen;
}

std::vector<std::string> retained_slots(const Memory& memory) {
  std::vector<std::string> names;
  for (const auto& [name, when] : memory.slots_seen) names.push_back(name);
  return names;
}

bool history_outdated(const World& world) {
  if (!world.view || !world.server.is_primary() || world.server.timeline == 0) return false;
  const auto& history = world.view->history;
  if (world.server.timeline == 1) return history && !history->rows.empty();
  if (!history || history->rows.empty()) return true;
  const HistoryRow& last = history->rows.back();
  return last.timeline != world.server.timeline - 1 || last.fields != 5;
}

std::optional<std::vector<HistoryRow>> history_to_write(const World& world, std::vector<HistoryRow> rows) {
  if (!history_outdated(world)) return std::nullopt;
  if (world.server.timeline == 1) return std::vector<HistoryRow>{};
  if (rows.empty()) return std::nullopt;
  for (auto& row : rows) {
    if (!world.view->history) continue;
    const auto& stored = world.view->history->rows;
    const auto same = std::ranges::find_if(
        stored, [&](const HistoryRow& s) { return s.timeline == row.timeline && s.switch_lsn == row.switch_lsn; });
    if (same == stored.end()) continue;
    row.timestamp = same->timestamp;
    row.new_leader = same->new_leader;
    row.fields = same->fields;
  }
  HistoryRow& last = rows.back();
  if (last.new_leader.empty()) last.new_leader = world.me;
  if (last.timestamp.empty()) last.timestamp = to_iso8601(world.wall_now);
  last.fields = 5;
  const auto most = static_cast<std::size_t>(std::max(world.settings.max_timelines_history, 0));
  if (most > 0 && rows.size() > most) rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(most));
  return rows;
}

}  // namespace matriarch::policy
