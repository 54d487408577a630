// The etcd behind a cluster, as `store` looks after it. Made by the application, which knows the engine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"

namespace matriarch::ctl {

struct StoreMember {
  std::string name;  // of the node; empty: added and has never run
  std::string id;
  std::string role;  // "leader", "voter", "learner", "not started"
  std::string client_url;
  std::string peer_url;
  std::string version;
  std::int64_t db_size = 0;  // bytes
  std::vector<std::string> alarms;
  std::string problem;  // empty: it answers
};

class StoreAdmin {
 public:
  virtual ~StoreAdmin() = default;

  // kUnavailable: no member answers; the text names those that were asked.
  virtual Task<Result<std::vector<StoreMember>>> members(Ctx ctx) = 0;
  virtual Task<Status> add(std::string peer_url, Ctx ctx) = 0;
  virtual Task<Status> remove(std::string id, Ctx ctx) = 0;
  // The text of a snapshot of all keys that do not go by themselves.
  virtual Task<Result<std::string>> snapshot(Ctx ctx) = 0;
  // Does somebody lead the cluster?
  virtual Task<Result<bool>> has_leader(Ctx ctx) = 0;
  // Writes the keys of a snapshot; how many. kInvalid: the text is none, or damaged.
  virtual Task<Result<int>> restore(std::string text, Ctx ctx) = 0;
};

}  // namespace matriarch::ctl
