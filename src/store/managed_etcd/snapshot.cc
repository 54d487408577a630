// The text of a snapshot.
#include <fmt/format.h>

#include "http/encoding.h"
#include "model/utf8.h"
#include "store/managed_etcd/admin.h"

namespace matriarch::managed_etcd {

namespace {

constexpr std::string_view kFormat = "matriarch store snapshot, version 1";

// Damage by disks and editors, not by enemies.
std::string checksum(const Value::List& keys) {
  std::uint64_t value = 14695981039346656037ULL;
  for (const char c : to_json(keys)) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:016x}", value);
}

void set_text(Value::Map& map, const std::string& name, const std::string& text) {
  const bool plain = is_valid_utf8(text);
  map.set(plain ? name : name + "_base64", plain ? text : http::base64_encode(text));
}

std::optional<std::string> get_text(const Value& map, const std::string& name) {
  if (const Value* plain = map.find(name)) return plain->is_string() ? std::optional(plain->as_string()) : std::nullopt;
  const Value* encoded = map.find(name + "_base64");
  return encoded != nullptr && encoded->is_string() ? http::base64_decode(encoded->as_string()) : std::nullopt;
}

}  // namespace

std::string snapshot_text(const Contents& contents, std::string_view scope, std::string_view at) {
  Value::List keys;
  for (const StoredKey& stored : contents.keys) {
    if (stored.leased) continue;
    Value::Map one;
    set_text(one, "key", stored.key);
    set_text(one, "value", stored.value);
    keys.emplace_back(std::move(one));
  }
  Value::Map map;
  map.set("format", kFormat);
  map.set("scope", scope);
  map.set("at", at);
  map.set("revision", contents.revision);
  map.set("checksum", checksum(keys));
  map.set("keys", std::move(keys));
  return to_pretty_json(map) + "\n";
}

Result<std::vector<StoredKey>> parse_snapshot(std::string_view text) {
  const auto document = parse_json(text);
  const Value* format = document ? document->find("format") : nullptr;
  const Value* keys = document ? document->find("keys") : nullptr;
  const Value* sum = document ? document->find("checksum") : nullptr;
  if (format == nullptr || !format->is_string() || format->as_string() != kFormat || keys == nullptr ||
      !keys->is_list()) {
    return Error(Errc::kInvalid,
                 "this is no snapshot of a store: take one that `matriarchctl store snapshot` or a managed "
                 "etcd (folder snapshots in etcd3.data_dir) wrote");
  }
  if (sum == nullptr || !sum->is_string() || sum->as_string() != checksum(keys->as_list())) {
    return Error(Errc::kInvalid, "the checksum is wrong: the file is damaged, take another one");
  }
  std::vector<StoredKey> result;
  for (const Value& item : keys->as_list()) {
    auto key = get_text(item, "key");
    auto value = get_text(item, "value");
    if (!key || key->empty() || !value) return Error(Errc::kInvalid, "it has an entry without key or value");
    result.push_back({.key = std::move(*key), .value = std::move(*value)});
  }
  return result;
}

}  // namespace matriarch::managed_etcd
