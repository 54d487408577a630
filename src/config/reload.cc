#include "config/reload.h"

#include <algorithm>

#include "config/schema.h"

namespace matriarch::config {

namespace {

// Calls `visit(path, old, new)` for every key that differs; maps are descended into.
template <class Visit>
void for_each_change(const Value& before, const Value& after, const std::string& path, const Visit& visit) {
  const Value::Map none;
  const Value::Map& a = before.is_map() ? before.as_map() : none;
  const Value::Map& b = after.is_map() ? after.as_map() : none;
  const auto compare_key = [&](const std::string& key) {
    static const Value kNull;
    const Value* old_value = a.find(key);
    const Value* new_value = b.find(key);
    const Value& from = old_value == nullptr ? kNull : *old_value;
    const Value& to = new_value == nullptr ? kNull : *new_value;
    if (from == to) return;
    const std::string inner = path.empty() ? key : path + "." + key;
    if (from.is_map() || to.is_map()) {
      for_each_change(from, to, inner, visit);
    } else {
      visit(inner);
    }
  };
  for (const auto& [key, value] : a) compare_key(key);
  for (const auto& [key, value] : b) {
    if (!a.contains(key)) compare_key(key);
  }
}

// The effect of the key itself or of the free map it is in.
std::optional<Effect> effect_of(std::string path) {
  while (true) {
    if (const KeySpec* spec = find_key(KeyScope::kLocal, path)) return spec->effect;
    const std::size_t dot = path.rfind('.');
    if (dot == path.npos) return std::nullopt;
    path.resize(dot);
  }
}

bool listener_differs(const RestApiConfig& a, const RestApiConfig& b) {
  const auto tie = [](const RestApiConfig& c) {
    return std::tie(c.listen.host, c.listen.port, c.certfile, c.keyfile, c.cafile, c.ciphers, c.verify_client);
  };
  return tie(a) != tie(b) || !(a.keyfile_password == b.keyfile_password);
}

// The old section with the reloadable keys of the new one (CFG-110).
StoreConfig carry_over_store(const StoreConfig& running, const StoreConfig& loaded) {
  if (running.kind != loaded.kind || !running.section.is_map() || !loaded.section.is_map()) return running;
  StoreConfig store = running;
  const std::string prefix(to_string(running.kind));
  for (const KeySpec& spec : known_keys()) {
    if (spec.scope != KeyScope::kLocal || spec.effect != Effect::kReload || !spec.path.starts_with(prefix + "."))
      continue;
    const std::string_view key = spec.path.substr(prefix.size() + 1);
    const Value* fresh = loaded.section.find(key);
    if (fresh != nullptr) {
      store.section.as_map().set(key, *fresh);
    } else {
      store.section.as_map().erase(key);
    }
  }
  store.etcd.username = loaded.etcd.username;
  store.etcd.password = loaded.etcd.password;
  return store;
}

// The keys of the postgresql section that keep their value until a restart of the program.
void carry_over_postgresql(const LocalConfig& running, LocalConfig& loaded) {
  loaded.postgresql.data_dir = running.postgresql.data_dir;
  loaded.postgresql.config_dir = running.postgresql.config_dir;
  loaded.postgresql.pgpass = running.postgresql.pgpass;
  for (const KeySpec& spec : known_keys()) {
    constexpr std::string_view kSection = "postgresql.";
    if (spec.scope != KeyScope::kLocal || spec.effect != Effect::kRestart || !spec.path.starts_with(kSection)) continue;
    const std::string_view key = spec.path.substr(kSection.size());
    if (const Value* old_value = running.postgresql_tree.find(key)) {
      loaded.postgresql_tree.set(key, *old_value);
    } else {
      loaded.postgresql_tree.erase(key);
    }
  }
}

}  // namespace

LocalChanges compare(const Value& old_tree, const LocalConfig& old_config, const Value& new_tree,
                     const LocalConfig& new_config) {
  LocalChanges changes;
  changes.log = old_config.log != new_config.log;
  changes.tags = !(old_config.tags == new_config.tags);
  changes.ctl = old_config.ctl != new_config.ctl;
  changes.restapi = old_config.restapi != new_config.restapi;
  changes.restapi_listener = listener_differs(old_config.restapi, new_config.restapi);
  changes.watchdog = old_config.watchdog != new_config.watchdog;
  changes.guardian = old_config.guardian != new_config.guardian;
  const std::string store_prefix = std::string(to_string(old_config.store.kind)) + ".";
  for_each_change(old_tree, new_tree, "", [&](const std::string& path) {
    changes.any = true;
    const auto effect = effect_of(path);
    if (effect == Effect::kRestart) {
      changes.needs_restart.push_back(path);
    } else if (path.starts_with("postgresql.")) {
      changes.postgresql = true;
    } else if (path.starts_with(store_prefix)) {
      changes.store = true;
    }
  });
  std::sort(changes.needs_restart.begin(), changes.needs_restart.end());
  return changes;
}

LocalConfig carry_over(const LocalConfig& running, LocalConfig loaded) {
  loaded.scope = running.scope;
  loaded.name = running.name;
  loaded.name_space = running.name_space;
  loaded.thread_pool_size = running.thread_pool_size;
  loaded.restapi.request_queue_size = running.restapi.request_queue_size;
  loaded.restapi.thread_pool_size = running.restapi.thread_pool_size;
  loaded.store = carry_over_store(running.store, loaded.store);
  loaded.guardian = running.guardian;
  loaded.citus = running.citus;
  carry_over_postgresql(running, loaded);
  return loaded;
}

EffectiveChanges compare(const EffectiveConfig& before, const EffectiveConfig& after) {
  EffectiveChanges changes;
  const auto timing = [](const Settings& s) { return std::tie(s.ttl, s.loop_wait, s.retry_timeout); };
  changes.timing = timing(before.settings) != timing(after.settings);
  Settings other = before.settings;
  other.ttl = after.settings.ttl;
  other.loop_wait = after.settings.loop_wait;
  other.retry_timeout = after.settings.retry_timeout;
  changes.settings = other != after.settings;
  changes.postgresql = before.postgresql != after.postgresql;
  changes.slots = before.slots != after.slots || before.ignore_slots != after.ignore_slots;
  changes.standby_cluster = before.standby_cluster != after.standby_cluster;
  return changes;
}

}  // namespace matriarch::config
