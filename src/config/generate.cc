#include "config/generate.h"

#include <array>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <fmt/format.h>

#include "config/controlled.h"
#include "config/local_config.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kFixMe = "#FIXME";

Value map_of(std::initializer_list<std::pair<std::string_view, Value>> members) {
  Value::Map map;
  for (const auto& [key, value] : members) map.set(key, value);
  return map;
}

void merge_over(Value& base, const Value& overlay) {
  for (const auto& [key, value] : overlay.as_map()) {
    Value* present = base.as_map().find(key);
    if (present != nullptr && present->is_map() && value.is_map()) {
      merge_over(*present, value);
    } else {
      base.as_map().set(key, value);
    }
  }
}

constexpr std::string_view kPasswordMethod = "scram-sha-256";

std::string address_text(const std::string& address, int port) {
  return address == kFixMe ? std::string(kFixMe) : to_string(HostPort{address, port});
}

Value log_section() {
  return map_of({{"type", "plain"},
                 {"level", "INFO"},
                 {"traceback_level", "ERROR"},
                 {"format", "%(asctime)s %(levelname)s: %(message)s"},
                 {"max_queue_size", 1000}});
}

Value tags_section() {
  return map_of({{"failover_priority", 1},
                 {"sync_priority", 1},
                 {"noloadbalance", false},
                 {"clonefrom", true},
                 {"nostream", false}});
}

// The built-in defaults, as a dynamic configuration.
Value default_dcs(const Value::Map& parameters) {
  return map_of(
      {{"loop_wait", 10},
       {"retry_timeout", 10},
       {"ttl", 30},
       {"maximum_lag_on_failover", 1048576},
       {"postgresql", map_of({{"parameters", Value(parameters)}, {"use_pg_rewind", true}, {"use_slots", true}})}});
}

// What both generators have in common.
Value common_tree(const SampleFacts& facts) {
  return map_of({{"scope", kFixMe},
                 {"name", facts.host_name},
                 {"log", log_section()},
                 {"restapi", map_of({{"listen", address_text(facts.address, 8008)},
                                     {"connect_address", address_text(facts.address, 8008)}})},
                 {"tags", tags_section()}});
}

void add_store_if_missing(Value& tree) {
  for (const std::string_view store : {"consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper"}) {
    if (tree.find(store) != nullptr) return;
  }
  tree.as_map().set("etcd3", map_of({{"hosts", kFixMe}}));
}

Value finished(Value tree, const EnvironmentValues& environment, Warnings& warnings) {
  merge_over(tree, environment_overlay(environment, warnings));
  add_store_if_missing(tree);
  return tree;
}

Value fix_me_user() { return map_of({{"username", kFixMe}, {"password", kFixMe}}); }

bool is_local_guc(std::string_view name) {  // CFG-409
  constexpr std::string_view kLocal[] = {"archive_command",
                                         "restore_command",
                                         "archive_cleanup_command",
                                         "recovery_end_command",
                                         "ssl_passphrase_command",
                                         "hba_file",
                                         "ident_file",
                                         "config_file"};
  return std::find(std::begin(kLocal), std::end(kLocal), name) != std::end(kLocal);
}

bool has_key_of_its_own(std::string_view name) {
  return name == "data_directory" || name == "cluster_name" || name == "listen_addresses" || name == "port";
}

Value::List texts(const std::vector<std::string>& lines) { return {lines.begin(), lines.end()}; }

// Maps sorted by key; but loop_wait, retry_timeout and ttl come first (CFG-403).
Value sorted(const Value& value) {
  if (!value.is_map()) return value;
  std::vector<const Value::Member*> members;
  for (const auto& member : value.as_map()) members.push_back(&member);
  const auto rank = [](const std::string& key) {
    return key == "loop_wait" || key == "retry_timeout" || key == "ttl" ? 0 : 1;
  };
  std::sort(members.begin(), members.end(), [&](const auto* a, const auto* b) {
    return std::pair(rank(a->first), a->first) < std::pair(rank(b->first), b->first);
  });
  Value::Map result;
  for (const auto* member : members) result.append(member->first, sorted(member->second));
  return result;
}

constexpr std::string_view kBootstrapComment =
    "# Used once, when the cluster is initialised; changes made later have no effect.\n"
    "# Afterwards change the settings below `dcs` with `patronictl edit-config`.\n";

}  // namespace

SampleFacts machine_facts() {
  SampleFacts facts{.host_name = std::string(kFixMe), .address = std::string(kFixMe)};
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return facts;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return facts;  // CFG-405
  facts.host_name = name.data();
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* at = found; at != nullptr && facts.address == kFixMe; at = at->ai_next) {
      std::array<char, NI_MAXHOST> text{};
      const bool ok = at->ai_family == family && getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(),
                                                             nullptr, 0, NI_NUMERICHOST) == 0;
      if (ok) facts.address = text.data();
    }
  }
  freeaddrinfo(found);
  return facts;
}

Value sample_tree(const SampleFacts& facts, const EnvironmentValues& environment, Warnings& warnings) {
  Value::Map parameters = controlled_parameters({}, warnings);
  parameters.set("wal_level", "replica");
  parameters.set("wal_keep_size", "128MB");
  parameters.set("password_encryption", kPasswordMethod);
  const Value users = map_of({{"superuser", map_of({{"username", "postgres"}, {"password", kFixMe}})},
                              {"replication", map_of({{"username", "replicator"}, {"password", kFixMe}})},
                              {"rewind", map_of({{"username", "rewind_user"}, {"password", kFixMe}})}});
  Value tree = common_tree(facts);
  tree.as_map().set("bootstrap", map_of({{"dcs", default_dcs(parameters)}}));
  tree.as_map().set("postgresql", map_of({{"listen", address_text(facts.address, 5432)},
                                          {"connect_address", address_text(facts.address, 5432)},
                                          {"data_dir", kFixMe},
                                          {"bin_dir", facts.bin_dir},
                                          {"authentication", users}}));
  tree = finished(std::move(tree), environment, warnings);
  const Value* replication = tree.at("postgresql", "authentication", "replication", "username");
  const Value hba = texts({fmt::format("host all all all {}", kPasswordMethod),
                           fmt::format("host replication {} all {}", string_form(*replication), kPasswordMethod)});
  tree.as_map().find("postgresql")->as_map().set("pg_hba", hba);
  return tree;
}

Value running_tree(const SampleFacts& facts, const RunningFacts& running, const EnvironmentValues& environment,
                   Warnings& warnings) {
  Value::Map shared;
  Value::Map own;
  for (const auto& [name, value] : running.gucs) {
    if (!has_key_of_its_own(name)) (is_local_guc(name) ? own : shared).set(name, value);
  }
  Value tree = common_tree(facts);
  if (!running.cluster_name.empty()) tree.as_map().set("scope", running.cluster_name);
  Value dcs = default_dcs(shared);
  const Value* hints = shared.find("wal_log_hints");
  dcs.as_map()
      .find("postgresql")
      ->as_map()
      .set("use_pg_rewind", hints != nullptr && parse_bool(*hints).value_or(false));
  tree.as_map().set("bootstrap", map_of({{"dcs", dcs}}));
  const std::string& connect_port = running.connect_port.empty() ? running.port : running.connect_port;
  Value postgresql =
      map_of({{"listen", running.listen_addresses + ":" + running.port},
              {"connect_address", facts.address == kFixMe ? std::string(kFixMe)
                                                          : to_string(HostPort{facts.address, 0}) + ":" + connect_port},
              {"data_dir", running.data_dir},
              {"bin_dir", running.bin_dir},
              {"parameters", Value(own)},
              {"authentication", map_of({{"superuser", Value(running.superuser)}, {"replication", fix_me_user()}})}});
  if (!running.pg_hba.empty()) postgresql.as_map().set("pg_hba", texts(running.pg_hba));
  if (!running.pg_ident.empty()) postgresql.as_map().set("pg_ident", texts(running.pg_ident));
  tree.as_map().set("postgresql", std::move(postgresql));
  return finished(std::move(tree), environment, warnings);
}

std::string to_config_file(const Value& tree) {
  constexpr std::string_view kOrder[] = {"scope", "namespace", "name",      "log",        "restapi",   "ctl",
                                         "citus", "consul",    "etcd",      "etcd3",      "exhibitor", "kubernetes",
                                         "raft",  "zookeeper", "bootstrap", "postgresql", "watchdog",  "tags"};
  std::string text;
  const auto emit = [&text](std::string_view key, const Value& value) {
    if (value.is_map() && !text.empty()) text += '\n';
    if (key == "bootstrap") text += kBootstrapComment;
    Value::Map section;
    section.set(key, sorted(value));
    text += to_yaml(Value(std::move(section)), KeyOrder::kAsGiven);
  };
  for (const std::string_view key : kOrder) {
    if (const Value* value = tree.find(key)) emit(key, *value);
  }
  for (const auto& [key, value] : tree.as_map()) {
    if (std::find(std::begin(kOrder), std::end(kOrder), key) == std::end(kOrder)) emit(key, value);
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace matriarch::config
