#include "sim/node.h"

#include <memory>
#include <utility>

#include "sim/settings_of.h"

namespace matriarch::sim {

using std::chrono::hours;
using std::chrono::seconds;

namespace {

// More events than this after a kill mean that the agent's code ignores that it was cancelled.
constexpr std::uint64_t kDrainLimit = 200'000;

}  // namespace

// --- the agent's process

AgentProcess::AgentProcess(NodeWorld& world, Node& node, std::uint64_t random_seed)
    : world_(world),
      node_(node),
      process_(world.scheduler, node.clock()),
      random_(random_seed),
      store_(process_, world.scheduler, world.store, world.coverage,
             {.name = node.name(),
              .endpoint = node.endpoint(),
              .ttl = world.scenario.settings.ttl,
              .retry_timeout = world.scenario.settings.retry_timeout,
              .trust_keepalive = world.mutation == Mutation::kKeepaliveUnconfirmed,
              .resume_lease = node.guardian_ && node.guardian_->lease() ? node.guardian_->lease()->lease_id : std::string()}),
      server_(process_, world.postgres, node.postgres(), random_.fork(),
              [this](ServerCommand command) { world_.observer.commanded(node_, command); }),
      peers_(process_, world.peers, node.endpoint()),
      guard_(node.guardian_ ? std::make_unique<SimGuard>(process_, *node.guardian_, random_.fork()) : nullptr),
      mutated_store_(mutated_store(world.mutation, process_, store_, node.name())),
      mutated_server_(mutated_server(world.mutation, server_)),
      group_(process_),
      agent_(agent::Ports{.scheduler = process_,
                          .store = mutated_store_ ? *mutated_store_ : static_cast<Store&>(store_),
                          .server = mutated_server_ ? *mutated_server_ : static_cast<Server&>(server_),
                          .peers = peers_,
                          .steps = *this,
                          .random = [this] { return random_.next(); },
                          .guard = guard_.get()},
             config()) {
  group_.spawn(main(this));
}

agent::NodeConfig AgentProcess::config() const {
  agent::NodeConfig config;
  config.name = node_.name();
  config.scope = "sim";
  config.conn_url = "postgres://" + node_.name() + ":5432/postgres";
  config.api_url = "http://" + node_.name() + ":8008/patroni";
  config.tags.raw = world_.scenario.tags.at(static_cast<std::size_t>(node_.index()));
  config.has_bootstrap_section = true;
  config.initial_dynamic_config = node_.kept_config_ ? *node_.kept_config_ : config_of(world_.scenario.settings);
  config.settings_of = [mutation = world_.mutation](const Value& dynamic, bool) {
    return mutated_settings(mutation, matriarch::sim::settings_of(dynamic));
  };
  config.persist_dynamic_config = [this](const Value& dynamic) {
    if (!process_.dead()) node_.kept_config_ = dynamic;
  };
  config.check_dynamic_config = [](const Value&) { return Status(); };
  return config;
}

Task<void> AgentProcess::main(AgentProcess* self) {
  const int exit_code = co_await self->agent_.run();
  if (!self->process_.dead()) self->node_.agent_is_over(exit_code);
}

void AgentProcess::reached(std::string_view step) {
  if (process_.dead()) return;
  world_.observer.step_reached(node_, step);
}

void AgentProcess::bury() {
  agent_.terminate();
  const bool ended = process_.drain(kDrainLimit);
  if (!ended || group_.running() != 0) {
    world_.observer.failed(fmt::format("the agent of {} does not end when everything it does is cancelled", node_.name()));
  }
}

// --- the machine

Node::Node(NodeWorld& world, Random random, int index, Endpoint endpoint)
    : world_(world),
      random_(random),
      index_(index),
      name_(std::string(1, static_cast<char>('a' + index))),
      endpoint_(endpoint),
      // Clocks run at rates that differ by up to 0.1 % from that of the store, and were started at different times.
      clock_(world.scheduler.now(), Instant(random_.between(hours(1), hours(1000))), random_.between(-1000, 1000)),
      machine_(world.scheduler, clock_),
      postgres_(std::make_unique<Postgres>(world.postgres, machine_, random_.fork(), name_, endpoint)) {
  if (world.scenario.guardian) {
    guardian_ = std::make_unique<Guardian>(machine_, *postgres_, world.trace, world.coverage, random_.fork());
  }
}

void Node::start_agent() {
  if (agent_ || !powered_) return;
  world_.trace.line(name_, "agent starts");
  agent_ = std::make_unique<AgentProcess>(world_, *this, random_.next());
  if (machine_.frozen()) agent_->process().freeze();
  guarded_since_ = machine_.frozen() || postgres_->faults().agent_hangs ? Instant::max() : world_.scheduler.now();
}

void Node::kill_agent() {
  if (!agent_) return;
  agent_->process().kill();
  postgres_->abort_job();  // its children die with it
  put_away();
}

void Node::agent_is_over(int exit_code) {
  agent_->process().kill();  // nothing of it may act any more
  put_away();
  world_.observer.agent_ended(*this, exit_code);
}

// The agent may be the caller: it is buried when it has returned.
void Node::put_away() {
  guarded_since_ = Instant::max();
  auto dead = std::shared_ptr<AgentProcess>(std::move(agent_));
  world_.scheduler.post([dead = std::move(dead)] { dead->bury(); });
}

void Node::freeze_agent() {
  if (!agent_) return;
  agent_->process().freeze();
  guarded_since_ = Instant::max();
}

void Node::thaw_agent() {
  if (!agent_ || machine_.frozen()) return;
  if (agent_->process().frozen() && !postgres_->faults().agent_hangs) guarded_since_ = world_.scheduler.now();
  agent_->process().thaw();
}

void Node::hang_agent(bool hangs) {
  if (postgres_->faults().agent_hangs == hangs) return;
  postgres_->faults().agent_hangs = hangs;
  const bool watches = !hangs && agent_ && !agent_->process().frozen();
  guarded_since_ = watches ? world_.scheduler.now() : Instant::max();
}

void Node::power_off() {
  if (!powered_) return;
  powered_ = false;
  kill_agent();
  machine_.thaw();
  postgres_->abort_job();
  postgres_->crash("power loss");
  if (guardian_) guardian_->die("power loss");
}

void Node::freeze_machine() {
  machine_.freeze();
  freeze_agent();
  postgres_->recheck();
}

void Node::thaw_machine() {
  if (machine_.frozen()) machine_thawed_at_ = world_.scheduler.now();
  machine_.thaw();
  thaw_agent();
  postgres_->recheck();
}

}  // namespace matriarch::sim
