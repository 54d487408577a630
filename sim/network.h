// The network between nodes, store members and clients: delay, loss, and partitions in one or both directions.
#pragma once

#include <optional>
#include <vector>

#include "sim/random.h"

namespace matriarch::sim {

// Everything that has an address.
using Endpoint = int;

class Network {
 public:
  struct Quality {
    Duration least = std::chrono::microseconds(150);
    Duration most = std::chrono::milliseconds(2);
    double slow_share = 0.01;  // of the messages take up to `slow`
    Duration slow = std::chrono::milliseconds(80);
    double loss = 0.0;  // of the messages are lost
  };

  Network(Random random, int endpoints, Quality quality);

  // How long one message takes; nothing: it is lost.
  std::optional<Duration> transit(Endpoint from, Endpoint to);
  [[nodiscard]] bool open(Endpoint from, Endpoint to) const { return blocks(from, to) == 0; }
  [[nodiscard]] bool connected(Endpoint a, Endpoint b) const { return open(a, b) && open(b, a); }

  // Partitions may overlap: each block needs its own unblock.
  void block(Endpoint from, Endpoint to) { ++blocks(from, to); }
  void unblock(Endpoint from, Endpoint to) { --blocks(from, to); }
  // Every message of this direction takes so much longer.
  void set_lag(Endpoint from, Endpoint to, Duration lag) { lag_[at(from, to)] = lag; }
  void set_quality(Quality quality) { quality_ = quality; }
  [[nodiscard]] const Quality& quality() const { return quality_; }
  void heal();

  [[nodiscard]] int endpoints() const { return endpoints_; }

 private:
  [[nodiscard]] std::size_t at(Endpoint from, Endpoint to) const { return static_cast<std::size_t>(from * endpoints_ + to); }
  [[nodiscard]] int& blocks(Endpoint from, Endpoint to) { return blocked_[at(from, to)]; }
  [[nodiscard]] int blocks(Endpoint from, Endpoint to) const { return blocked_[at(from, to)]; }

  Random random_;
  int endpoints_;
  Quality quality_;
  std::vector<int> blocked_;
  std::vector<Duration> lag_;
};

}  // namespace matriarch::sim
