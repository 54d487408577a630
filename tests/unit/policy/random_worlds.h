// Worlds and memories drawn at random, absurd ones included.
#pragma once

#include <random>

#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

class RandomWorlds {
 public:
  explicit RandomWorlds(std::uint64_t seed) : engine_(seed) {}

  World world();
  Memory memory();

 private:
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <class Enum>
  Enum any(std::uint64_t values) {
    return static_cast<Enum>(below(values));
  }
  template <class T>
  const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

  std::string name();
  std::string odd_text();
  Lsn lsn();
  Timeline timeline();
  Instant instant();
  std::vector<HistoryRow> history();
  Tags tags();
  Member member();
  ClusterView view();
  void fill_rest_of(ClusterView& view);
  Settings settings();
  ServerView server();
  PeerStatus peer(std::string name);
  LeaseState lease();
  void fill_answers(World& world);
  void make_leader(World& world);

  std::mt19937_64 engine_;
};

}  // namespace matriarch::policy
