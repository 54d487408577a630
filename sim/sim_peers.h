// The Peers port: requests to the other agents' REST interfaces over the simulated network.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "ports/peers.h"
#include "sim/network.h"
#include "sim/process.h"

namespace matriarch::sim {

// How a request finds the agent of a member.
class PeerDirectory {
 public:
  // Runs in the process of the agent that answers; `reply` sends the answer back.
  using Request = std::function<void(agent::Agent& agent, TaskGroup& group, std::function<void()> reply)>;

  virtual ~PeerDirectory() = default;
  // `replied` runs when the answer has come back; `refused` if nothing listens there. Neither, if messages get lost.
  virtual void send(Endpoint from, const std::string& member, Request request, std::function<void()> replied,
                    std::function<void()> refused) = 0;
};

class SimPeers final : public Peers {
 public:
  SimPeers(Process& process, PeerDirectory& directory, Endpoint endpoint)
      : process_(process), directory_(directory), endpoint_(endpoint) {}

  Task<std::vector<PeerStatus>> poll(std::vector<Member> members, Ctx ctx) override;
  Task<std::vector<FailsafeAnswer>> post_failsafe(std::vector<std::pair<std::string, std::string>> name_and_url,
                                                  FailsafeMessage message, Ctx ctx) override;
  Task<Result<PeerReply>> change_config(Member member, std::string method, Value body, Ctx ctx) override;
  Task<bool> is_alive(Member member, Ctx ctx) override;

 private:
  Process& process_;
  PeerDirectory& directory_;
  Endpoint endpoint_;
};

}  // namespace matriarch::sim
