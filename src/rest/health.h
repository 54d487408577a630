// The rules of the health checks (rest.md sections 5 and 6): from what is known to yes or no.
#pragma once

#include <string_view>

#include "http/message.h"
#include "rest/node_status.h"

namespace matriarch::rest {

// API-130 to API-157. `path` as the request has it; `tags`: the configured ones, published form (API-156).
bool is_healthy(std::string_view path, const http::Query& query, const NodeStatus& status, const Value::Map& tags);

// API-159 to API-162. `started`: when this process began to answer; counts until the first cycle is over.
bool is_alive(const AgentSnapshot& snapshot, Instant started, Instant now);

// API-163 to API-174.
bool is_ready(const AgentSnapshot& snapshot, const NodeStatus& status, const http::Query& query);

}  // namespace matriarch::rest
