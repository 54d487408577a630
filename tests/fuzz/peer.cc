// What other members answer to GET /patroni.
#include "peers/peer_answer.h"
#include "tests/fuzz/fuzz.h"

using namespace matriarch;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = fuzz::text_of(data, size);
  const PeerStatus peer = peers::read_peer_answer("b", body);
  require(peer.name == "b", "an answer does not change who was asked");
  require(peer.reachable || peer.limited(), "who gave no position is no candidate");                       // HA-192
  require(!peer.reachable || peer.in_recovery || !peer.position, "a primary's position is not compared");  // HA-193
  require(peer.failover_priority >= 0, "priorities are not negative");                                     // HA-195
  require(peers::read_peer_answer("b", body) == peer, "the same answer means the same");
  return 0;
}
