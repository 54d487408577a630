#include "sim/network.h"

#include <algorithm>

namespace matriarch::sim {

Network::Network(Random random, int endpoints, Quality quality)
    : random_(random),
      endpoints_(endpoints),
      quality_(quality),
      blocked_(static_cast<std::size_t>(endpoints) * static_cast<std::size_t>(endpoints), 0) {}

std::optional<Duration> Network::transit(Endpoint from, Endpoint to) {
  if (from == to) return random_.between(std::chrono::microseconds(5), std::chrono::microseconds(50));
  if (!open(from, to)) return std::nullopt;
  if (quality_.loss > 0 && random_.chance(quality_.loss)) return std::nullopt;
  if (random_.chance(quality_.slow_share)) return random_.between(quality_.most, quality_.slow);
  return random_.between(quality_.least, quality_.most);
}

void Network::heal() {
  std::ranges::fill(blocked_, 0);
  quality_.loss = 0.0;
}

}  // namespace matriarch::sim
