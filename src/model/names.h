// Role and state of a server, exactly as they are spelled in the store, the REST API and the callbacks.
#pragma once

#include <optional>
#include <string_view>

namespace matriarch {

enum class Role {  // PG-021
  kUninitialized,
  kReplica,
  kStandbyLeader,
  kPromoted,  // promote succeeded, the control file does not yet say "in production"
  kPrimary,
  kDemoted,  // was primary or standby leader, is stopping or stopped
};

enum class PgState {  // PG-020; the order is the metric index and never changes
  kInitializing,
  kInitdbFailed,
  kCustomBootstrap,
  kCustomBootstrapFailed,
  kCreatingReplica,
  kRunning,
  kStarting,
  kStartingAfterCustomBootstrap,
  kStartFailed,
  kRestarting,
  kRestartFailed,
  kStopping,
  kStopped,
  kStopFailed,
  kCrashed,
};

std::string_view to_string(Role role);
std::string_view to_string(PgState state);
std::optional<Role> parse_role(std::string_view text);  // accepts the former "master"
std::optional<PgState> parse_state(std::string_view text);

// What a callback is told: `promoted` is reported as primary (HA-322).
std::string_view callback_role(Role role);

[[nodiscard]] inline bool is_leader_role(Role role) {
  return role == Role::kPrimary || role == Role::kPromoted || role == Role::kStandbyLeader;
}

enum class CallbackAction { kOnStart, kOnStop, kOnRestart, kOnReload, kOnRoleChange };
std::string_view to_string(CallbackAction action);

// Can this be the name of a server setting in postgresql.conf? A name, or prefix.name; nothing else is a name to the server,
// and a line break in one would begin a setting of somebody else's choice.
bool is_setting_name(std::string_view name);

}  // namespace matriarch
