#include "config/validate.h"

#include <fmt/format.h>

#include "config/guc.h"
#include "config/schema.h"
#include "config/text.h"
#include "config/validate_report.h"
#include "config/validate_rules.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kNotDefined = "is not defined.";
constexpr std::string_view kWrongValue = "Wrong value";
constexpr std::string_view kStores[] = {"consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper"};
constexpr std::string_view kEtcdAlternatives[] = {"host", "hosts", "srv", "srv_suffix", "url", "proxy"};
constexpr std::string_view kConsulAlternatives[] = {"host", "url"};
constexpr std::string_view kStandbyAlternatives[] = {"host", "port", "restore_command"};

const Value* value_at(const Value& tree, std::string_view path) {
  const Value* at = &tree;
  for (const std::string& part : split(path, '.')) {
    at = at->find(part);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == path.npos ? std::string_view() : path.substr(0, dot);
}

// Numbers from the environment are texts (CFG-462).
std::optional<std::int64_t> integer_of(const Value& value) {
  if (value.is_int()) return value.as_int();
  if (value.is_bool() || !value.is_string()) return std::nullopt;
  return value.as_string().find_first_not_of("-0123456789") == std::string::npos ? parse_int(value) : std::nullopt;
}

void check_range(Validation& v, const Rule& rule, const Value& value, std::optional<std::int64_t> number) {
  if (value.is_bool()) return v.report.invalid(rule.path, value, kWrongValue);  // CFG-387
  if (!number) return v.report.add(rule.path, value, "is not an integer");
  const auto real = static_cast<double>(*number);
  if (real < rule.min || real > rule.max) v.report.invalid(rule.path, value, kWrongValue);
}

void check_units(Validation& v, const Rule& rule, const Value& value) {
  const auto text = value.is_bool() ? std::nullopt : guc_text(value);
  check_range(v, rule, value, text ? parse_guc_int(*text, "s") : std::nullopt);
}

void check_text_list(Validation& v, std::string_view path, const Value& value) {
  if (!value.is_list()) return v.report.add(path, value, "is not a list");
  if (value.as_list().empty()) return v.report.add(path, value, "is an empty list");
  for (std::size_t i = 0; i < value.as_list().size(); ++i) {
    const Value& item = value.as_list()[i];
    if (!item.is_string()) v.report.add(fmt::format("{}.{}", path, i), item, "is not a string");
  }
}

// CFG-026, CFG-062, CFG-463.
void check_options(Validation& v, std::string_view path, const Value& value) {
  if (value.is_map()) return;
  if (!value.is_list()) return v.report.add(path, value, "is not a list");
  for (std::size_t i = 0; i < value.as_list().size(); ++i) {
    const Value& item = value.as_list()[i];
    if (!item.is_string() && !item.is_map()) v.report.add(fmt::format("{}.{}", path, i), item, "is not a string");
  }
}

void check_word(Validation& v, const Rule& rule, const Value& value, bool any_case) {
  if (!value.is_string()) return v.report.add(rule.path, value, "is not a string");
  const std::string word = any_case ? lower_case(value.as_string()) : value.as_string();
  const auto words = split(rule.words, ' ');
  if (std::find(words.begin(), words.end(), word) == words.end()) v.report.invalid(rule.path, value, kWrongValue);
}

void check_number(Validation& v, const Rule& rule, const Value& value) {
  const Value number = value.is_string() ? resolve_plain_scalar(value.as_string()) : value;
  if (!number.is_number() || number.as_double() <= rule.min) v.report.invalid(rule.path, value, kWrongValue);
}

void check_type(Validation& v, std::string_view path, const Value& value, bool fits, std::string_view message) {
  if (!fits) v.report.add(path, value, message);
}

void check_value(Validation& v, const Rule& rule, const Value& value) {
  switch (rule.check) {
    case Check::kText: return check_type(v, rule.path, value, value.is_string(), "is not a string");
    case Check::kInt:
      return check_type(v, rule.path, value, value.is_bool() || integer_of(value).has_value(), "is not an integer");
    case Check::kIntRange: return check_range(v, rule, value, integer_of(value));
    case Check::kUnits: return check_units(v, rule, value);
    case Check::kNumberMin: return check_number(v, rule, value);
    case Check::kBool: return check_type(v, rule.path, value, value.is_bool(), "is not a boolean");
    case Check::kMap: return check_type(v, rule.path, value, value.is_map(), "is not a dictionary");
    case Check::kTextList: return check_text_list(v, rule.path, value);
    case Check::kListOrMap: return check_options(v, rule.path, value);
    case Check::kWord: return check_word(v, rule, value, false);
    case Check::kAnyCaseWord: return check_word(v, rule, value, true);
    case Check::kConnectAddress: return check_connect_address(v, rule.path, value);
    case Check::kListenPort: return check_listen(v, rule.path, value, true, false);
    case Check::kListenHosts: return check_listen(v, rule.path, value, false, true);
    case Check::kEndpoint: return check_endpoint(v, rule.path, value);
    case Check::kEndpoints: return check_endpoints(v, rule.path, value);
    case Check::kIp: return check_ip(v, rule.path, value);
  }
}

void check_rule(Validation& v, const Rule& rule) {
  const std::string_view parent = parent_of(rule.path);
  const Value* section = parent.empty() ? &v.tree : value_at(v.tree, parent);
  if (section == nullptr || !section->is_map()) return;  // reported, or optional and absent
  const Value* value = value_at(v.tree, rule.path);
  if (value != nullptr) {
    check_value(v, rule, *value);
  } else if (rule.required) {
    v.report.add(rule.path, kNotDefined);
  }
}

// CFG-386.
void check_alternatives(Validation& v, std::string_view section, std::span<const std::string_view> keys) {
  const Value* at = section.empty() ? &v.tree : value_at(v.tree, section);
  if (at == nullptr || !at->is_map()) return;
  if (std::any_of(keys.begin(), keys.end(), [at](std::string_view key) { return at->find(key) != nullptr; })) return;
  for (const std::string_view key : keys) {
    v.report.add(section.empty() ? std::string(key) : fmt::format("{}.{}", section, key), kNotDefined);
  }
}

void check_name(Validation& v) {
  const Value* name = v.tree.find("name");
  constexpr std::string_view kReserved = "__patroni_strict_sync_replica_placeholder__";
  if (name == nullptr || !name->is_string() || name->as_string() != kReserved) return;
  v.report.invalid("name", *name, fmt::format("Node 'name' can't be set to '{}'", kReserved));
}

void check_stack_size(Validation& v) {
  const Value* value = v.tree.find("thread_stack_size");
  if (value == nullptr) return;
  const auto text = value->is_bool() ? std::nullopt : guc_text(*value);
  const auto size = text ? parse_guc_int(*text, "B") : std::nullopt;
  if (!size) return v.report.add("thread_stack_size", *value, "is not an integer");
  const bool fits = *size >= 65536 && (*size % 65536 == 0 || *size % 65535 == 0);  // CFG-461
  if (!fits) v.report.invalid("thread_stack_size", *value, kWrongValue);
}

// CFG-398.
void check_log_format(Validation& v) {
  const Value* format = v.tree.at("log", "format");
  if (format == nullptr || format->is_string()) return;
  if (!format->is_list()) return v.report.invalid("log.format", *format, "Should be a string or a list");
  if (format->as_list().empty()) return v.report.invalid("log.format", *format, "should contain at least one item");
  for (const Value& item : format->as_list()) {
    const bool renames = item.is_map() && item.as_map().size() == 1 && item.as_map().begin()->second.is_string();
    if (item.is_string() || renames) continue;
    return v.report.invalid("log.format", *format, "each item should be a string or a dictionary with string values");
  }
}

// CFG-222, CFG-399.
void check_synchronous_mode(Validation& v) {
  const Value* mode = v.tree.at("bootstrap", "dcs", "synchronous_mode");
  if (mode == nullptr || parse_bool(*mode)) return;
  if (mode->is_string() && equals_ignoring_case(mode->as_string(), "quorum")) return;
  v.report.invalid("bootstrap.dcs.synchronous_mode", *mode, "invalid value for synchronous_mode");
}

void check_watchdog_mode(Validation& v) {
  const Value* mode = v.tree.at("watchdog", "mode");
  if (mode == nullptr || (mode->is_bool() && !mode->as_bool())) return;
  const bool known = mode->is_string() && (mode->as_string() == "off" || mode->as_string() == "automatic" ||
                                           mode->as_string() == "required");
  if (!known) v.report.invalid("watchdog.mode", *mode, kWrongValue);
}

// CFG-390.
void check_exclusive_tags(Validation& v) {
  const Value* tags = v.tree.find("tags");
  if (tags == nullptr) return;
  for (const auto& [flag, priority] :
       {std::pair("nofailover", "failover_priority"), std::pair("nosync", "sync_priority")}) {
    if (tags->find(flag) == nullptr || tags->find(priority) == nullptr) continue;
    v.report.add("tags", fmt::format("Multiple of ('{}', '{}') provided", flag, priority));
  }
}

void check_kubernetes(Validation& v) {
  const Value* ports = v.tree.at("kubernetes", "ports");
  if (ports != nullptr && !ports->is_list()) v.report.add("kubernetes.ports", *ports, "is not a list");
  for (std::size_t i = 0; ports != nullptr && ports->is_list() && i < ports->as_list().size(); ++i) {
    const Value& entry = ports->as_list()[i];
    const std::string path = fmt::format("kubernetes.ports.{}", i);
    if (!entry.is_map()) {
      v.report.add(path, entry, "is not a dictionary");
      continue;
    }
    const std::string name_path = path + ".name";
    const std::string port_path = path + ".port";
    const Value* name = entry.find("name");
    const Value* port = entry.find("port");
    if (name != nullptr) check_value(v, {.path = name_path, .check = Check::kText, .required = false}, *name);
    if (port != nullptr) {
      check_value(v, {.path = port_path, .check = Check::kIntRange, .required = false, .min = 0, .max = 65535}, *port);
    }
  }
  const Value* codes = v.tree.at("kubernetes", "retriable_http_codes");
  if (codes == nullptr || integer_of(*codes)) return;
  const bool all_integers =
      codes->is_list() && std::all_of(codes->as_list().begin(), codes->as_list().end(),
                                      [](const Value& item) { return integer_of(item).has_value(); });
  if (!all_integers) v.report.add("kubernetes.retriable_http_codes", *codes, "is not an integer");
}

void check_raft(Validation& v) {
  const Value* raft = v.tree.find("raft");
  if (raft == nullptr || !raft->is_map()) return;
  const Value* partners = raft->find("partner_addrs");
  constexpr std::string_view kPath = "raft.partner_addrs";
  if (partners == nullptr) return v.report.add(kPath, kNotDefined);
  if (!partners->is_list()) return v.report.add(kPath, *partners, "is not an array");
  for (std::size_t i = 0; i < partners->as_list().size(); ++i) {
    check_endpoint(v, fmt::format("{}.{}", kPath, i), partners->as_list()[i]);
  }
}

void check_stores(Validation& v) {
  check_alternatives(v, "", kStores);
  check_alternatives(v, "consul", kConsulAlternatives);
  for (const std::string_view section : {"etcd", "etcd3"}) {
    const Value* managed = v.tree.at(section, "managed");
    if (managed == nullptr || !managed->truthy()) check_alternatives(v, section, kEtcdAlternatives);
  }
  check_kubernetes(v);
  check_raft(v);
}

void check_unknown_keys(Validation& v) {
  for (const std::string& path : unknown_keys(KeyScope::kLocal, v.tree)) {
    const bool dynamic_only = find_key(KeyScope::kDynamic, path) != nullptr;
    v.report.add(path, dynamic_only ? "has no effect here; it belongs below bootstrap.dcs" : "is not a known key");
  }
}

}  // namespace

void Report::add(std::string_view path, const Value& value, std::string_view message) {
  const std::string text = is_secret_path(path) ? "***" : string_form(masked(value));
  lines_.push_back(fmt::format("{} {} {}", path, text, message));
}

void Report::add(std::string_view path, std::string_view message) {
  lines_.push_back(fmt::format("{}  {}", path, message));
}

void Report::invalid(std::string_view path, const Value& value, std::string_view reason) {
  add(path, value, fmt::format("didn't pass validation: {}", reason));
}

std::vector<std::string> validate(const Value& tree, const ValidationOptions& options, ValidationProbes& probes) {
  Report report;
  Validation v{tree, options, probes, report};
  for (const Rule& rule : validation_rules()) check_rule(v, rule);
  check_name(v);
  check_stack_size(v);
  check_log_format(v);
  check_synchronous_mode(v);
  check_alternatives(v, "bootstrap.dcs.standby_cluster", kStandbyAlternatives);
  check_stores(v);
  if (const Value* postgresql = tree.find("postgresql"); postgresql != nullptr && postgresql->is_map()) {
    check_data_dir(v, *postgresql);
    check_programs(v, *postgresql);
  }
  check_watchdog_mode(v);
  check_exclusive_tags(v);
  check_unknown_keys(v);
  return report.take();
}

std::string print_config(const Value& tree) {
  Value shown = tree;
  Value* postgresql = shown.is_map() ? shown.as_map().find("postgresql") : nullptr;
  if (postgresql != nullptr && postgresql->is_map() && !postgresql->as_map().contains("bin_dir")) {
    postgresql->as_map().set("bin_dir", "");  // CFG-380
  }
  return to_yaml(shown);
}

}  // namespace matriarch::config
