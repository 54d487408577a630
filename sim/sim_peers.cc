#include "sim/sim_peers.h"

#include <memory>

namespace matriarch::sim {

namespace {

using std::chrono::seconds;

// What GET /patroni tells an election (HA-192, HA-193).
PeerStatus status_of(const AgentSnapshot& snapshot) {
  PeerStatus status{.name = snapshot.name, .reachable = snapshot.server.queried};
  status.nofailover = snapshot.tags.nofailover();
  status.watchdog_failed = snapshot.watchdog_failed;
  status.failover_priority = snapshot.tags.failover_priority();
  if (!status.reachable) return status;
  status.in_recovery = snapshot.server.in_recovery;
  status.position = status.in_recovery ? snapshot.server.position() : Lsn();
  status.timeline = status.in_recovery ? snapshot.server.received_timeline : snapshot.server.timeline;
  if (status.timeline == 0) status.timeline = snapshot.member.timeline;
  return status;
}

Task<void> look(agent::Agent* agent, std::shared_ptr<PeerStatus> into, std::function<void()> reply) {
  const auto snapshot = co_await agent->fresh_snapshot(Ctx{.deadline = agent->node().ports.scheduler.now() + seconds(2)});
  if (snapshot) *into = status_of(*snapshot);
  reply();
}

Task<void> change(agent::Agent* agent, bool patch, Value body, std::shared_ptr<Result<PeerReply>> into, std::function<void()> reply) {
  const Ctx ctx{.deadline = agent->node().ports.scheduler.now() + seconds(60)};
  auto result = patch ? co_await agent->patch_config(std::move(body), ctx) : co_await agent->replace_config(std::move(body), ctx);
  *into = PeerReply{.status = result.status, .text = std::move(result.text)};
  reply();
}

// Waits until all of `count` answers are there, or the Ctx ends.
template <class Send>
Task<void> gather(Process* process, std::size_t count, Ctx ctx, Send send) {
  if (count == 0) co_return;
  auto missing = std::make_shared<std::size_t>(count);
  // However it ends, the answers that came are used.
  (void)co_await call<std::monostate>(*process, ctx, [&](const Completion<std::monostate>& done) {
    for (std::size_t i = 0; i < count; ++i) {
      send(i, [missing, done] {
        if (--*missing == 0) done(std::monostate{});
      });
    }
    return Callback();
  });
}

}  // namespace

Task<std::vector<PeerStatus>> SimPeers::poll(std::vector<Member> members, Ctx ctx) {
  auto answers = std::make_shared<std::vector<PeerStatus>>(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) (*answers)[i].name = members[i].name;
  co_await gather(&process_, members.size(), ctx, [&](std::size_t i, std::function<void()> done) {
    auto status = std::make_shared<PeerStatus>();
    directory_.send(
        endpoint_, members[i].name,
        [status](agent::Agent& agent, TaskGroup& group, std::function<void()> reply) {
          group.spawn(look(&agent, status, std::move(reply)));
        },
        [answers, i, status, done] {
          (*answers)[i] = *status;
          done();
        },
        [answers, i, done] {
          (*answers)[i].refused = true;
          done();
        });
  });
  co_return *answers;
}

Task<std::vector<FailsafeAnswer>> SimPeers::post_failsafe(std::vector<std::pair<std::string, std::string>> name_and_url,
                                                          FailsafeMessage message, Ctx ctx) {
  auto answers = std::make_shared<std::vector<FailsafeAnswer>>(name_and_url.size());
  for (std::size_t i = 0; i < name_and_url.size(); ++i) (*answers)[i].name = name_and_url[i].first;
  co_await gather(&process_, name_and_url.size(), ctx, [&](std::size_t i, std::function<void()> done) {
    auto answer = std::make_shared<AgentApi::FailsafeReply>();
    directory_.send(
        endpoint_, name_and_url[i].first,
        [answer, message](agent::Agent& agent, TaskGroup&, std::function<void()> reply) {
          *answer = agent.failsafe(message);
          reply();
        },
        [answers, i, answer, done] {
          (*answers)[i].accepted = answer->result.status == 200;
          (*answers)[i].lsn = answer->lsn;
          done();
        },
        done);
  });
  co_return *answers;
}

Task<Result<PeerReply>> SimPeers::change_config(Member member, std::string method, Value body, Ctx ctx) {
  auto answer = std::make_shared<Result<PeerReply>>(Error(Errc::kUnavailable, "no answer"));
  co_await gather(&process_, 1, ctx, [&](std::size_t, std::function<void()> done) {
    auto reply = std::make_shared<Result<PeerReply>>(*answer);
    directory_.send(
        endpoint_, member.name,
        [reply, patch = method == "PATCH", body](agent::Agent& agent, TaskGroup& group, std::function<void()> replied) {
          group.spawn(change(&agent, patch, body, reply, std::move(replied)));
        },
        [answer, reply, done] {
          *answer = *reply;
          done();
        },
        done);
  });
  co_return *answer;
}

Task<bool> SimPeers::is_alive(Member member, Ctx ctx) {
  auto alive = std::make_shared<bool>(false);
  co_await gather(&process_, 1, ctx, [&](std::size_t, std::function<void()> done) {
    directory_.send(
        endpoint_, member.name, [](agent::Agent&, TaskGroup&, std::function<void()> reply) { reply(); },
        [alive, done] {
          *alive = true;
          done();
        },
        done);
  });
  co_return *alive;
}

}  // namespace matriarch::sim
