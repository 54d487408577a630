// The consensus store as the CLI uses it: any cluster by name, and all groups of a Citus cluster at once. Made by the
// application, which knows the engines; reads only, except through open() (CTL-045, CTL-049).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "model/cluster.h"
#include "ctl/store_admin.h"
#include "ports/store.h"

namespace matriarch::ctl {

struct ClusterId {
  std::string scope;
  std::optional<int> group;  // of a Citus cluster

  friend auto operator<=>(const ClusterId&, const ClusterId&) = default;
};

class Clusters {
 public:
  virtual ~Clusters() = default;

  // The store of one cluster (group); lives as long as this object. kInvalid: unusable settings.
  virtual Result<Store*> open(ClusterId id) = 0;
  // All groups below the cluster's path, by number (CTL-288).
  virtual Task<Result<std::map<int, ClusterView>>> load_groups(std::string scope, Ctx ctx) = 0;
  // Of the etcd behind all of them; lives as long as this object. Null: there is none.
  virtual StoreAdmin* store_admin() { return nullptr; }
  // Before it is destroyed, when nothing else is pending.
  virtual Task<void> close() = 0;
};

}  // namespace matriarch::ctl
