// Making a running standby follow somebody else, without a restart where the server allows it (PG 3.8, HA-254).
#pragma once

#include "postgres/config_files.h"
#include "postgres/core.h"
#include "postgres/observer.h"
#include "postgres/promoter.h"
#include "postgres/starter.h"
#include "postgres/stopper.h"

namespace matriarch::postgres {

class Follower {
 public:
  Follower(Core& core, ConfigFiles& files, Starter& starter, Stopper& stopper, Promoter& promoter)
      : core_(core), files_(files), starter_(starter), stopper_(stopper), promoter_(promoter) {}

  // Something is to be done, or not, about a running standby. What cannot be asked (the server is starting, or does not
  // answer just now) gives kNone.
  Task<FollowChange> change(StandbyTarget target, Ctx ctx);
  // Starts the server if it does not run.
  Task<Status> follow(StandbyTarget target, Ctx ctx);
  // PG-229: what an adopted standby follows becomes what we remember.
  Task<void> learn(Ctx ctx);

 private:
  Task<Result<RunningRecovery>> running(const RecoverySettings& wanted, const StandbyTarget& target, Ctx ctx);
  Task<Status> restart(StandbyTarget target, Ctx ctx);

  Core& core_;
  ConfigFiles& files_;
  Starter& starter_;
  Stopper& stopper_;
  Promoter& promoter_;
};

}  // namespace matriarch::postgres
