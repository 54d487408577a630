// The cluster's keys as this node knows them, put together from ranges, watch events and own writes, which may arrive in
// any order: of two reports about one key the one with the higher revision counts (DCS-271, DCS-276). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/codec.h"
#include "store/etcd3/wire.h"

namespace matriarch::etcd3 {

class Keys {
 public:
  // `prefix` ends with a slash; `own_name` is this node's.
  Keys(std::string prefix, std::string own_name) : prefix_(std::move(prefix)), own_name_(std::move(own_name)) {}

  // A complete range of the prefix that is true at `revision`. What is known to have happened later is kept.
  // Each of these returns whether something changed that a decision may depend on.
  bool replace(const std::vector<KeyValue>& found, std::int64_t revision);
  bool apply_put(const KeyValue& kv);
  bool apply_delete(std::string_view full_key, std::int64_t revision);
  void clear();

  struct Entry {
    std::string value;
    std::int64_t mod_revision = 0;
    std::int64_t create_revision = 0;  // 0: not known
    std::string lease;
    bool deleted = false;  // kept until the next range, so that a late report of an older put is recognised
  };
  // By the name below the prefix: "leader", "members/a". Null: absent.
  [[nodiscard]] const Entry* find(std::string_view name) const;
  [[nodiscard]] std::string value_of(std::string_view name) const;  // "" if absent

  [[nodiscard]] std::vector<RawKey> raw() const;
  [[nodiscard]] std::size_t bytes() const;                           // of all names and values
  [[nodiscard]] std::int64_t revision() const { return revision_; }  // of the last range; 0: there was none
  [[nodiscard]] std::uint64_t changes() const { return changes_; }   // counts everything that may change a view
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

 private:
  bool set(std::string name, Entry entry);
  [[nodiscard]] bool matters(std::string_view name, const Entry* before, const Entry& after) const;

  std::string prefix_;
  std::string own_name_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::int64_t revision_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace matriarch::etcd3
