#include "sim/store_keys.h"

#include "model/codec.h"

namespace matriarch::sim {

namespace {

Version version_of(std::uint64_t version) { return version == 0 ? Version() : std::to_string(version); }
Version version_of(const std::optional<StoreKeys::Text>& key) { return key ? version_of(key->version) : Version(); }

}  // namespace

void StoreKeys::set_status(StatusInfo info) {
  status = std::move(info);
  status_version_ = advance();
}

void StoreKeys::set_failsafe(Value who) {
  failsafe = std::move(who);
  failsafe_version_ = advance();
}

void StoreKeys::remove_status() {
  status = StatusInfo();
  status_version_ = 0;
}

void StoreKeys::remove_failsafe() {
  failsafe = Value();
  failsafe_version_ = 0;
}

ElectionBasis StoreKeys::basis() const {
  return {.config = version_of(config),
          .failover = version_of(failover),
          .failsafe = version_of(failsafe_version_),
          .history = version_of(history),
          .status = version_of(status_version_),
          .sync = version_of(sync)};
}

void StoreKeys::remove_lease(LeaseId lease) {
  leases.erase(lease);
  if (leader && leader->lease == lease) leader.reset();
  std::erase_if(members, [lease](const auto& item) { return item.second.lease == lease; });
  advance();
}

const ClusterView& StoreKeys::view() const {
  if (view_revision_ == revision_) return view_;
  view_revision_ = revision_;
  view_ = ClusterView();
  Complaints complaints;
  if (initialize) view_.initialize = initialize->text;
  if (config) view_.config = read_config(config->text, std::to_string(config->version), complaints);
  if (leader) {
    view_.leader = Leader{.name = leader->name, .version = std::to_string(leader->version),
                          .session = std::to_string(leader->lease)};
  }
  view_.status = status;
  for (const auto& [name, key] : members) {
    view_.members.push_back({.name = name, .data = key.data, .version = std::to_string(key.version)});
  }
  if (failover) view_.failover = read_failover(failover->text, std::to_string(failover->version), complaints);
  if (sync) view_.sync = read_sync(sync->text, std::to_string(sync->version), complaints);
  if (history) view_.history = read_history(history->text, complaints);
  view_.failsafe = failsafe;
  view_.basis = basis();
  return view_;
}

}  // namespace matriarch::sim
