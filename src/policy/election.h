// Who may take the lock (HA sections 11 and 12.3), and whether anybody could take it over from me (12.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.h"
#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

// My own timeline and position as elections compare them (HA-181).
Timeline my_timeline(const World& world);

// HA-162 ff. Precondition: the view has no leader. `why` gets the reason for people.
Race race_of(const World& world, const Memory& memory, std::string* why);

// Whom race_of() and candidates() want to ask (HA-184, HA-196).
std::vector<Member> members_to_ask(const World& world, const Memory& memory);

struct CandidateQuery {
  std::string only;             // a requested candidate; empty: anybody
  std::string except;           // not this one (HA-215)
  std::optional<Lsn> must_have; // position a candidate must have reached; absent: the lag rule
  bool manual_failover = false; // async nodes are allowed (HA-196)
};

// HA-196..199. Precondition: world.peers. An empty list: nobody.
std::vector<std::string> good_candidates(const World& world, const CandidateQuery& query);

// The same question for a list of answers at hand, for the procedure that waits for a candidate to have everything.
bool failover_possible(const World& world, const CandidateQuery& query);

}  // namespace matriarch::policy
