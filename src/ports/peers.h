// The other members, asked directly over their REST API.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"
#include "model/cluster.h"
#include "model/peer_status.h"
#include "model/value.h"

namespace matriarch {

// A peer's answer to POST /failsafe (HA-295).
struct FailsafeAnswer {
  std::string name;
  bool accepted = false;
  Lsn lsn;  // from the header of the answer
};

struct FailsafeMessage {
  std::string name;
  std::string conn_url;
  std::string api_url;
  std::map<std::string, Lsn> slots;
};

struct PeerReply {
  int status = 0;
  std::string text;
};

class Peers {
 public:
  virtual ~Peers() = default;

  // Asks all of them at once; one answer each, in the given order, not later than the Ctx's deadline (B17). A member that
  // does not answer has reachable = false; this call itself cannot fail.
  virtual Task<std::vector<PeerStatus>> poll(std::vector<Member> members, Ctx ctx) = 0;

  virtual Task<std::vector<FailsafeAnswer>> post_failsafe(std::vector<std::pair<std::string, std::string>> name_and_url,
                                                          FailsafeMessage message, Ctx ctx) = 0;

  // Hands a change of /config on (`method` PATCH or PUT) and gives the answer. Never sent twice; after an error it may have
  // taken effect all the same.
  virtual Task<Result<PeerReply>> change_config(Member member, std::string method, Value body, Ctx ctx) = 0;

  // True if anything at all answers at the member's /liveness (HA-044).
  virtual Task<bool> is_alive(Member member, Ctx ctx) = 0;
};

}  // namespace matriarch
