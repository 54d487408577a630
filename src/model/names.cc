#include "model/names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace matriarch {

namespace {

constexpr std::array<std::pair<Role, std::string_view>, 6> kRoles{{
    {Role::kUninitialized, "uninitialized"},
    {Role::kReplica, "replica"},
    {Role::kStandbyLeader, "standby_leader"},
    {Role::kPromoted, "promoted"},
    {Role::kPrimary, "primary"},
    {Role::kDemoted, "demoted"},
}};

constexpr std::array<std::pair<PgState, std::string_view>, 15> kStates{{
    {PgState::kInitializing, "initializing new cluster"},
    {PgState::kInitdbFailed, "initdb failed"},
    {PgState::kCustomBootstrap, "running custom bootstrap script"},
    {PgState::kCustomBootstrapFailed, "custom bootstrap failed"},
    {PgState::kCreatingReplica, "creating replica"},
    {PgState::kRunning, "running"},
    {PgState::kStarting, "starting"},
    {PgState::kStartingAfterCustomBootstrap, "starting after custom bootstrap"},
    {PgState::kStartFailed, "start failed"},
    {PgState::kRestarting, "restarting"},
    {PgState::kRestartFailed, "restart failed"},
    {PgState::kStopping, "stopping"},
    {PgState::kStopped, "stopped"},
    {PgState::kStopFailed, "stop failed"},
    {PgState::kCrashed, "crashed"},
}};

constexpr std::array<std::pair<CallbackAction, std::string_view>, 5> kActions{{
    {CallbackAction::kOnStart, "on_start"},
    {CallbackAction::kOnStop, "on_stop"},
    {CallbackAction::kOnRestart, "on_restart"},
    {CallbackAction::kOnReload, "on_reload"},
    {CallbackAction::kOnRoleChange, "on_role_change"},
}};

// Every enumerator has its row, so the lookup cannot fail.
template <class Table, class Enum>
std::string_view text_of(const Table& table, Enum value) {
  return std::find_if(table.begin(), table.end(), [value](const auto& row) { return row.first == value; })->second;
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const std::array<std::pair<Enum, std::string_view>, N>& table, std::string_view text) {
  const auto row = std::find_if(table.begin(), table.end(), [text](const auto& r) { return r.second == text; });
  if (row == table.end()) return std::nullopt;
  return row->first;
}

}  // namespace

std::string_view to_string(Role role) { return text_of(kRoles, role); }
std::string_view to_string(PgState state) { return text_of(kStates, state); }
std::string_view to_string(CallbackAction action) { return text_of(kActions, action); }

std::optional<Role> parse_role(std::string_view text) {
  return text == "master" ? Role::kPrimary : value_of(kRoles, text);
}

std::optional<PgState> parse_state(std::string_view text) { return value_of(kStates, text); }

std::string_view callback_role(Role role) { return to_string(role == Role::kPromoted ? Role::kPrimary : role); }

namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_identifier(std::string_view text) {
  return !text.empty() && is_name_start(text[0]) && std::ranges::all_of(text, [](char c) {
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '$';
  });
}

}  // namespace

bool is_setting_name(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == name.npos) return is_identifier(name);
  return is_identifier(name.substr(0, dot)) && is_identifier(name.substr(dot + 1));
}

}  // namespace matriarch
