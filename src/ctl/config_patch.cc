#include "ctl/config_patch.h"

#include "config/yaml.h"

namespace matriarch::ctl {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// A GUC's name may contain dots, so below postgresql.parameters the rest is one key (CTL-218).
std::vector<std::string> split_path(std::string_view text) {
  std::vector<std::string> path;
  for (;;) {
    const bool parameter = path.size() == 2 && path[0] == "postgresql" && path[1] == "parameters";
    const std::size_t dot = parameter ? std::string_view::npos : text.find('.');
    path.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return path;
    text.remove_prefix(dot + 1);
  }
}

void remove_at(Value& node, std::span<const std::string> path) {
  if (!node.is_map()) return;
  if (path.size() > 1) {
    Value* child = node.as_map().find(path.front());
    if (child == nullptr || !child->is_map()) return;
    remove_at(*child, path.subspan(1));
    if (!child->as_map().empty()) return;
  }
  node.as_map().erase(path.front());
}

void set_at(Value& node, std::span<const std::string> path, const Value& value) {
  if (path.empty()) {
    node = value;
    return;
  }
  if (!node.is_map()) node = Value(Value::Map());
  set_at(node.as_map()[path.front()], path.subspan(1), value);
}

}  // namespace

Result<Setting> parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || trimmed(text.substr(0, equals)).empty()) {
    return Error(Errc::kInvalid, fmt::format("Invalid parameter setting {}", text));
  }
  config::Warnings warnings;
  auto value = config::parse_yaml(text.substr(equals + 1), trimmed(text.substr(0, equals)), warnings);
  if (!value) return value.error();
  return Setting{.path = split_path(trimmed(text.substr(0, equals))), .value = std::move(*value)};
}

Result<Setting> parse_parameter(std::string_view text) {
  const std::string_view setting = text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
  if (setting.find('=') == std::string_view::npos || setting.starts_with('=')) {
    return Error(Errc::kInvalid, fmt::format("Invalid parameter setting {}", text));
  }
  return parse_setting("postgresql.parameters." + std::string(setting));
}

void apply_setting(Value& document, const Setting& setting) {
  if (setting.value.is_null()) {
    remove_at(document, setting.path);
  } else {
    set_at(document, setting.path, setting.value);
  }
}

}  // namespace matriarch::ctl
