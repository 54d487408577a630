// The etcd that a node runs itself (DESIGN 5): comes to have one, keeps it running, looks after it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/reactor.h"
#include "store/managed_etcd/admin.h"
#include "store/managed_etcd/decide.h"
#include "store/managed_etcd/home.h"
#include "store/managed_etcd/options.h"
#include "store/managed_etcd/partners.h"
#include "store/managed_etcd/process.h"
#include "store/managed_etcd/upkeep.h"

namespace matriarch::managed_etcd {

// Thread: the reactor's. run() must have ended before it is destroyed.
class ManagedEtcd {
 public:
  // Reads TLS files. Errors name the setting.
  static Result<std::unique_ptr<ManagedEtcd>> create(Reactor& reactor, ManagedOptions options);

  // Until stopped. etcd goes on then, unless `stop_with_agent`: the other members need its vote, and the next agent of this
  // node finds it.
  Task<void> run(std::stop_token stop);

  // GET /store.
  [[nodiscard]] Value document() const { return to_value(report()); }
  [[nodiscard]] Report report() const;

 private:
  struct Clients {
    std::shared_ptr<const http::TlsContext> rest;
    std::shared_ptr<const http::TlsContext> etcd;
  };
  ManagedEtcd(Reactor& reactor, ManagedOptions options, Clients clients);

  Task<Status> prepare(Ctx ctx);
  Task<void> begin(Ctx ctx);
  Task<void> look_at_data(Ctx ctx);
  Task<Situation> look(Ctx ctx);
  Task<void> look_at_members(Situation* situation, Ctx ctx);
  Task<Status> carry_out(Verdict verdict, Ctx ctx);
  Task<Status> remember(Identity identity, Ctx ctx);
  Task<Status> start(Beginning beginning, Ctx ctx);
  Task<Status> join(Ctx ctx);
  Task<void> live(Ctx ctx);
  Task<void> after_end(std::string how, Ctx ctx);
  void say(std::string reason, bool trouble);
  void say_that_it_runs();

  Reactor& reactor_;
  const ManagedOptions options_;
  const Home home_;
  Partners partners_;
  EtcdAdmin admin_;
  Disk disk_;
  Upkeep upkeep_;
  Identity identity_;
  std::optional<EtcdProcess> process_;
  std::optional<http::Url> joins_through_;  // a member that listed the others to us
  bool prepared_ = false;
  bool has_data_ = false;
  bool ended_by_itself_ = false;  // it may have been removed from the cluster
  bool told_running_ = false;
  Instant began_;
  Instant started_at_;
  Duration pause_ = Duration::zero();  // before the next start
  std::string reason_;
};

}  // namespace matriarch::managed_etcd
