// Tables about the race: a change to a world, and what the node may do in it.
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "policy/election.h"
#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {

inline constexpr Lsn kAhead{kEnd.value + 8};
inline constexpr Lsn kBehind{kEnd.value - 8};

struct Case {
  const char* what;
  std::function<void(World&)> change;
  Race expected;
  const char* why = "";  // a part of the reason
};

inline void check(World world, const Case& c, const Memory& memory = {}) {
  c.change(world);
  std::string why;
  EXPECT_EQ(race_of(world, memory, &why), c.expected) << c.what << ": " << why;
  EXPECT_NE(why.find(c.why), why.npos) << c.what << ": " << why;
}

inline World asked() {
  World w = standby();
  w.peers = {peer("b"), peer("c")};
  return w;
}

inline PeerStatus& answer(World& w, std::string_view name) {
  return *std::ranges::find(*w.peers, name, &PeerStatus::name);
}

}  // namespace matriarch::policy
