#include "model/tags.h"

#include <algorithm>
#include <array>
#include <limits>

namespace matriarch {

namespace {

const Value* find_set(const Value::Map& tags, std::string_view name) {
  const Value* tag = tags.find(name);
  return tag == nullptr || tag->is_null() ? nullptr : tag;
}

bool is_truthy(const Value::Map& tags, std::string_view name) {
  const Value* tag = tags.find(name);
  return tag != nullptr && tag->truthy();
}

std::optional<std::int64_t> priority_tag(const Value::Map& tags, std::string_view name) {
  const Value* tag = tags.find(name);
  return tag == nullptr ? std::nullopt : parse_int(*tag);
}

// nofailover with failover_priority, nosync with sync_priority: the same pattern.
bool excluded(const Value::Map& tags, std::string_view exclusion, std::string_view priority) {
  if (const Value* tag = find_set(tags, exclusion)) return tag->truthy();
  return priority_tag(tags, priority).value_or(1) <= 0;
}

int effective_priority(const Value::Map& tags, std::string_view exclusion, std::string_view priority) {
  if (excluded(tags, exclusion, priority)) return 0;
  constexpr std::int64_t kMax = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp(priority_tag(tags, priority).value_or(1), std::int64_t{0}, kMax));
}

}  // namespace

bool Tags::nofailover() const { return excluded(raw, "nofailover", "failover_priority"); }
int Tags::failover_priority() const { return effective_priority(raw, "nofailover", "failover_priority"); }
bool Tags::nosync() const { return excluded(raw, "nosync", "sync_priority"); }
int Tags::sync_priority() const { return effective_priority(raw, "nosync", "sync_priority"); }
bool Tags::clonefrom() const { return is_truthy(raw, "clonefrom"); }
bool Tags::noloadbalance() const { return is_truthy(raw, "noloadbalance"); }

bool Tags::nostream() const {
  const Value* tag = raw.find("nostream");
  return tag != nullptr && parse_bool(*tag).value_or(false);
}

std::string Tags::replicatefrom() const {
  const Value* tag = raw.find("replicatefrom");
  return tag != nullptr && tag->is_string() ? tag->as_string() : std::string();
}

Value::Map published_tags(const Tags& configured) {
  constexpr std::array<std::string_view, 5> kOnlyIfTruthy{"clonefrom", "nofailover", "noloadbalance", "nosync",
                                                          "nostream"};
  Value::Map published;
  for (const auto& [name, value] : configured.raw) {
    const bool optional = std::find(kOnlyIfTruthy.begin(), kOnlyIfTruthy.end(), name) != kOnlyIfTruthy.end();
    const bool beside_priority = (name == "nofailover" && configured.raw.contains("failover_priority")) ||
                                 (name == "nosync" && configured.raw.contains("sync_priority"));
    if (!optional || value.truthy() || beside_priority) published.set(name, value);
  }
  return published;
}

}  // namespace matriarch
