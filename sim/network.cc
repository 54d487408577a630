#include "sim/network.h"

#include <algorithm>

namespace matriarch::sim {

Network::Network(Random random, int endpoints, Quality quality)
    : random_(random),
      endpoints_(endpoints),
      quality_(quality),
      blocked_(static_cast<std::size_t>(endpoints) * static_cast<std::size_t>(endpoints), 0),
      lag_(blocked_.size(), Duration::zero()) {}

std::optional<Duration> Network::transit(Endpoint from, Endpoint to) {
  if (from == to) return random_.between(std::chrono::microseconds(5), std::chrono::microseconds(50));
  if (!open(from, to)) return std::nullopt;
  if (quality_.loss > 0 && random_.chance(quality_.loss)) return std::nullopt;
  const Duration lag = lag_[at(from, to)];
  if (random_.chance(quality_.slow_share)) return lag + random_.between(quality_.most, quality_.slow);
  return lag + random_.between(quality_.least, quality_.most);
}

void Network::heal() {
  std::ranges::fill(blocked_, 0);
  std::ranges::fill(lag_, Duration::zero());
  quality_.loss = 0.0;
}

}  // namespace matriarch::sim
