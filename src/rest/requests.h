// Bodies of requests -> commands, or the refusal the contract has for them. Pure: what depends on the cluster's state
// beyond "paused" is the agent's to check.
#pragma once

#include <string>
#include <variant>

#include "ports/agent_api.h"

namespace matriarch::rest {

// A plain text answer that ends the request.
struct Refusal {
  int status = 400;
  std::string text;

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

template <class T>
using Parsed = std::variant<T, Refusal>;

// What the checks depend on.
struct Circumstances {
  bool paused = false;
  WallTime now;
};

enum class FailoverEndpoint { kFailover, kSwitchover };
// API-241 to API-250. `switchover` of the command is what is to be done, not the endpoint's name (API-249).
Parsed<FailoverCommand> parse_failover(const Value::Map& body, FailoverEndpoint endpoint, const Circumstances& at);

// API-273 to API-280.
Parsed<RestartCommand> parse_restart(const Value::Map& body, const Circumstances& at);

struct ReinitializeCommand {
  bool force = false;
  bool from_leader = false;
};
ReinitializeCommand parse_reinitialize(const Value::Map& body);  // API-297

Parsed<FailsafeMessage> parse_failsafe(const Value::Map& body);  // API-306, API-310
Parsed<MppEvent> parse_mpp_event(const Value::Map& body);        // API-312; the refusal is for the log only

}  // namespace matriarch::rest
