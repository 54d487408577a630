#include "peers/peer_answer.h"

#include <algorithm>
#include <limits>

#include "model/tags.h"

namespace matriarch::peers {

namespace {

std::uint64_t number(const Value& object, std::string_view key) {
  const Value* found = object.find(key);
  const auto value = found == nullptr ? std::nullopt : parse_int(*found);
  return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

// HA-194: `wal` has precedence over `xlog`.
const Value* position_of(const Value& body) {
  for (const char* key : {"wal", "xlog"}) {
    if (const Value* found = body.find(key); found != nullptr && found->is_map()) return found;
  }
  return nullptr;
}

}  // namespace

PeerStatus read_peer_answer(std::string_view name, std::string_view body) {
  PeerStatus peer{.name = std::string(name)};
  auto parsed = parse_json(body);
  if (!parsed || !parsed->is_map()) return peer;
  peer.body = std::move(*parsed);
  if (const Value* tags = peer.body.find("tags"); tags != nullptr && tags->is_map()) {
    const Tags of_peer{.raw = tags->as_map()};
    peer.nofailover = of_peer.nofailover();
    peer.failover_priority = of_peer.failover_priority();
  }
  if (const Value* failed = peer.body.find("watchdog_failed")) peer.watchdog_failed = failed->truthy();
  const std::uint64_t timeline = number(peer.body, "timeline");
  if (timeline <= std::numeric_limits<Timeline>::max()) peer.timeline = static_cast<Timeline>(timeline);
  const Value* wal = position_of(peer.body);
  if (wal == nullptr) return peer;
  const Value* role = peer.body.find("role");
  const bool leads =
      role != nullptr && role->is_string() && (role->as_string() == "primary" || role->as_string() == "master");
  peer.reachable = true;
  peer.in_recovery = !leads && number(*wal, "location") == 0;
  if (peer.in_recovery)
    peer.position.value = std::max(number(*wal, "received_location"), number(*wal, "replayed_location"));
  return peer;
}

}  // namespace matriarch::peers
