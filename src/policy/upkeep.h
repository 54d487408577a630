// What is kept in order beside decisions: member slots, timeline history, what is published about them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

// A physical slot this node should have for another member.
struct WantedSlot {
  Lsn advance_to;            // 0: leave it where it is
  bool expect_active = true; // the member streams from here; otherwise the slot is kept and advanced (HA-346)

  friend bool operator==(const WantedSlot&, const WantedSlot&) = default;
};

// HA-344, HA-345, DCS-142..146.
std::map<std::string, WantedSlot> wanted_slots(const World& world);

// What is known of slots' positions without the store (the leader's failsafe message, the answers to our own) counts more
// than what the store said before, also as the position of members that stream from other standbys (PG-346, DCS-419).
ClusterView with_slot_positions(ClusterView view, const std::map<std::string, Lsn>& by_slot);

// HA-347, DCS-176: the retention clock of member slots, as the leader keeps it.
std::map<std::string, Instant> remember_slots(const World& world, std::map<std::string, Instant> seen);
std::vector<std::string> retained_slots(const Memory& memory);  // ascending

// HA-328, DCS-094: what /history should say; absent: it is right as it is. `rows`: the server's own history.
std::optional<std::vector<HistoryRow>> history_to_write(const World& world, std::vector<HistoryRow> rows);
// True if the server's history must be read to answer that.
bool history_outdated(const World& world);

}  // namespace matriarch::policy
