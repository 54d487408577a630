// The one lease of this node: its member key and, when it leads, the leader key hang on it (DCS-257).
#pragma once

#include <optional>
#include <string>

#include "base/reactor.h"
#include "base/wait.h"
#include "store/etcd3/gateway.h"

namespace matriarch::etcd3 {

// A lease, and what is known about it.
struct LeaseProof {
  std::string id;
  Instant sent_at;  // when the request that granted or renewed it was sent: it lasts `granted` from then on
  Duration granted = Duration::zero();
  // A grant is agreed on by a majority. A keepalive is not: it counts only together with an answer of a majority in the
  // same raft term (DESIGN 3). Absent: nothing to compare.
  std::optional<std::uint64_t> term;
};

class Lease {
 public:
  Lease(Reactor& reactor, Gateway& gateway, const Etcd3Options& options);

  // Keepalive; a new lease if there is none or etcd does not know it any more.
  Task<Result<LeaseProof>> refresh(Ctx ctx);
  // For keys that are to live on: refreshes where waiting for the next call could be too late.
  Task<Result<std::string>> ensure(Ctx ctx);

  // etcd said that it does not exist.
  void forget(const std::string& id);
  // A changed ttl needs a new lease (DCS-209).
  void set_times(Duration ttl, Duration retry_timeout);

  [[nodiscard]] const std::string& id() const { return id_; }  // empty: none
  [[nodiscard]] Duration ttl() const { return ttl_; }
  [[nodiscard]] Duration granted() const { return granted_; }

 private:
  Task<Status> grant(Ctx ctx);
  [[nodiscard]] bool is_due() const;

  Reactor& reactor_;
  Gateway& gateway_;
  AsyncMutex granting_;  // two callers must not end up with a lease each
  Duration ttl_;
  Duration retry_timeout_;
  std::string id_;
  Duration granted_ = Duration::zero();
  Instant refreshed_at_;  // when the last successful request was sent
  bool fresh_grant_ = false;
  bool warned_ = false;
};

}  // namespace matriarch::etcd3
