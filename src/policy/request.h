// /failover as the holder of the lock must see it (HA-200..208).
#pragma once

#include <string>

#include "policy/facts.h"
#include "policy/world.h"

namespace matriarch::policy {

// Precondition: the lock is mine. `why` gets the reason for people.
Request request_of(const World& world, std::string* why);

// What is to stay in /failover after the lock was won (HA-165): the empty text means "{}".
std::string failover_after_win(const World& world);

// HA-263: whether something scheduled for `at` is due, too late, or still to come.
enum class Schedule { kWait, kDue, kStale };
Schedule schedule_of(WallTime at, WallTime now, Duration loop_wait);

}  // namespace matriarch::policy
