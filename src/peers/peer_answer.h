// What a member's answer to GET /patroni means for elections (HA-192..194, API-318). Pure.
#pragma once

#include <string_view>

#include "model/peer_status.h"

namespace matriarch::peers {

// `body`: of any HTTP status. Not JSON, or without a position: reachable stays false.
PeerStatus read_peer_answer(std::string_view name, std::string_view body);

}  // namespace matriarch::peers
