// The raw keys below a cluster's path -> one view.
#include <algorithm>

#include <fmt/format.h>

#include "model/codec.h"
#include "model/utf8.h"

namespace matriarch {

namespace {

constexpr std::string_view kMembers = "members/";

// A key whose value is bare text. What cannot be a name or an id is replaced by a text that is none either, so that the
// key still counts as present.
std::string read_bare_text(const RawKey& raw, std::string_view remedy, Complaints& complaints) {
  constexpr std::size_t kMaxLength = 1024;
  const bool too_long = raw.value.size() > kMaxLength;
  if (!too_long && is_valid_utf8(raw.value)) return raw.value;
  complaints.push_back(fmt::format("key {}: {}; {}", raw.key,
                                   too_long ? fmt::format("{} bytes are no name", raw.value.size()) : "not UTF-8",
                                   remedy));
  return "(unreadable)";
}

void read_key(const RawKey& raw, ClusterView& view, Complaints& complaints) {
  if (raw.key == "leader") {
    constexpr std::string_view kRemedy = "delete the key if no node of this cluster holds it";
    view.leader = Leader{read_bare_text(raw, kRemedy, complaints), raw.version, raw.session};
  } else if (raw.key == "initialize") {
    view.initialize = read_bare_text(raw, "delete the key: the leader writes it anew", complaints);
  } else if (raw.key == "config") {
    view.config = read_config(raw.value, raw.version, complaints);
    view.basis.config = raw.version;
  } else if (raw.key == "status") {
    view.status = read_status(raw.value, complaints);
    view.basis.status = raw.version;
  } else if (raw.key == "sync") {
    view.sync = read_sync(raw.value, raw.version, complaints);
    view.basis.sync = raw.version;
  } else if (raw.key == "failover") {
    view.failover = read_failover(raw.value, raw.version, complaints);
    view.basis.failover = raw.version;
  } else if (raw.key == "history") {
    view.history = read_history(raw.value, complaints);
    view.basis.history = raw.version;
  } else if (raw.key == "failsafe") {
    view.failsafe = read_failsafe(raw.value, complaints);
    view.basis.failsafe = raw.version;
  } else if (raw.key.starts_with(kMembers)) {
    const std::string_view name = std::string_view(raw.key).substr(kMembers.size());
    if (name.empty() || name.find('/') != name.npos) return;  // DCS-010
    view.members.push_back(read_member(name, raw.value, raw.version, complaints));
  }
}

}  // namespace

ClusterView read_cluster(const std::vector<RawKey>& keys, Complaints& complaints) {
  ClusterView view;
  const RawKey* legacy_optime = nullptr;
  bool has_status = false;
  for (const RawKey& raw : keys) {
    has_status |= raw.key == "status";
    if (raw.key == "optime/leader") legacy_optime = &raw;
    read_key(raw, view, complaints);
  }
  if (!has_status && legacy_optime != nullptr) view.status = read_legacy_optime(legacy_optime->value, complaints);
  std::sort(view.members.begin(), view.members.end(), [](const Member& a, const Member& b) { return a.name < b.name; });
  return view;
}

}  // namespace matriarch
