#include "store/etcd3/keys.h"

#include <algorithm>
#include <array>
#include <set>

namespace matriarch::etcd3 {

namespace {

// What every node rewrites all the time while WAL flows. If that woke the other nodes, each of which then writes its own
// key, they would keep each other awake for ever.
Value without_positions(const std::string& member) {
  Value value = parse_json(member).value_or(nullptr);
  if (!value.is_map()) return member;
  for (const std::string_view position : {"xlog_location", "replay_lsn", "receive_lsn"}) value.as_map().erase(position);
  return value;
}

}  // namespace

bool Keys::matters(std::string_view name, const Entry* before, const Entry& after) const {
  const bool was_there = before != nullptr && !before->deleted;
  if (was_there == after.deleted) return true;  // came or went
  if (!was_there || before->value == after.value) return false;
  if (name.starts_with("members/") && name.substr(8) == own_name_) return false;  // nobody else writes it
  if (name.starts_with("members/")) return without_positions(before->value) != without_positions(after.value);
  if (name == "status" || name == "optime/leader") return value_of("leader") != own_name_;
  return name == "leader" || name == "config" || name == "failover" || name == "sync" || name == "initialize";
}

bool Keys::set(std::string name, Entry entry) {
  const auto found = entries_.find(name);
  const Entry* before = found == entries_.end() ? nullptr : &found->second;
  if (before == nullptr && entry.mod_revision <= revision_) return false;  // gone again by the time of the last range
  if (before != nullptr && entry.mod_revision <= before->mod_revision) return false;
  const bool wakes = matters(name, before, entry);
  entries_.insert_or_assign(std::move(name), std::move(entry));
  ++changes_;
  return wakes;
}

bool Keys::replace(const std::vector<KeyValue>& found, std::int64_t revision) {
  bool wakes = false;
  std::set<std::string, std::less<>> present;
  for (const KeyValue& kv : found) {
    if (!kv.key.starts_with(prefix_)) continue;
    present.insert(kv.key.substr(prefix_.size()));
    wakes |= apply_put(kv);
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool gone = it->second.mod_revision <= revision && !present.contains(it->first);
    if (gone && !it->second.deleted) {
      wakes |= matters(it->first, &it->second, Entry{.deleted = true});
      ++changes_;
    }
    it = gone ? entries_.erase(it) : std::next(it);
  }
  revision_ = std::max(revision_, revision);
  return wakes;
}

bool Keys::apply_put(const KeyValue& kv) {
  if (!kv.key.starts_with(prefix_)) return false;
  return set(
      kv.key.substr(prefix_.size()),
      {.value = kv.value, .mod_revision = kv.mod_revision, .create_revision = kv.create_revision, .lease = kv.lease});
}

bool Keys::apply_delete(std::string_view full_key, std::int64_t revision) {
  if (!full_key.starts_with(prefix_)) return false;
  return set(std::string(full_key.substr(prefix_.size())), {.mod_revision = revision, .deleted = true});
}

void Keys::clear() {
  entries_.clear();
  revision_ = 0;
  ++changes_;
}

const Keys::Entry* Keys::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.deleted ? nullptr : &found->second;
}

std::string Keys::value_of(std::string_view name) const {
  const Entry* entry = find(name);
  return entry == nullptr ? std::string() : entry->value;
}

std::size_t Keys::bytes() const {
  std::size_t sum = 0;
  for (const auto& [name, entry] : entries_) sum += name.size() + entry.value.size();
  return sum;
}

std::vector<RawKey> Keys::raw() const {
  std::vector<RawKey> keys;
  for (const auto& [name, entry] : entries_) {
    if (!entry.deleted) keys.push_back({name, entry.value, std::to_string(entry.mod_revision), entry.lease});
  }
  return keys;
}

}  // namespace matriarch::etcd3
