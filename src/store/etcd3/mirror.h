// The cluster's keys as this node knows them, kept up to date by a watch, and when that knowledge may be used.
//
// A view is answered from memory only while all of this holds: the watch is open on the very member that our calls go to
// (so that a member that hangs is noticed by the calls); somebody holds the leader key in that view; and not longer than
// `ttl`/2 ago it was proved to be current, by a linearizable range or by a renewal (which reads the whole prefix along
// with the leader key). Otherwise load() reads linearizably. Events prove nothing: a member that lags tells old ones. So a
// decision that follows from "nobody leads" is never made on an old view, a standby costs etcd one range in about ttl/2,
// and a leader none besides its renewals. Nothing here ever extends a lease.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/reactor.h"
#include "base/task_group.h"
#include "base/wait.h"
#include "store/etcd3/gateway.h"
#include "store/etcd3/keys.h"

namespace matriarch::etcd3 {

class Mirror {
 public:
  // `watching` false: no watch, every load() reads (CLI).
  Mirror(Reactor& reactor, TaskGroup& group, Gateway& gateway, std::string prefix, std::string own_name, bool watching);

  Task<Result<ClusterView>> load(Ctx ctx);
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

  // --- what other calls found out and did (read-your-writes, DCS-276). Names are relative to the prefix.
  void took_range(const std::vector<KeyValue>& found, const Reply& reply);
  void wrote(std::string_view name, std::string_view value, std::string_view lease, std::int64_t revision);
  void erased(std::string_view name, std::int64_t revision);
  void distrust();  // a comparison failed: we are behind

  [[nodiscard]] const Keys& keys() const { return keys_; }
  [[nodiscard]] bool has_member_that_reads_optime() const;  // one that is older than /status (DCS-029)
  void set_ttl(Duration ttl) { ttl_ = ttl; }
  // Ends the present stream; the watch starts again on the endpoint that calls go to now.
  void restart_watch();
  // Open and running?
  [[nodiscard]] bool watch_is_healthy() const { return watch_is_healthy_; }

 private:
  [[nodiscard]] bool may_answer() const;
  [[nodiscard]] bool watch_is_deaf() const;
  Task<Status> read_all(Ctx ctx);
  const ClusterView& view() const;
  void changed_something();
  void start_watching();

  Task<void> watch_for_ever();
  Task<bool> watch_once();                                        // whether it ran for a while
  bool take_document(const std::string& text, std::string& why);  // false: the stream is of no more use
  void take_events(const Value& result);

  Reactor& reactor_;
  TaskGroup& group_;
  Gateway& gateway_;
  Keys keys_;
  const bool watching_;
  Duration ttl_ = std::chrono::seconds(30);
  std::function<void()> changed_;
  bool change_posted_ = false;

  std::optional<Instant> proved_at_;  // when it was certainly current; none: not trusted
  Instant range_sent_at_;             // of the newest range that was taken
  std::uint64_t cluster_id_ = 0;

  std::optional<http::Stream> stream_;
  bool watch_runs_ = false;
  bool watch_is_healthy_ = false;
  int watch_number_ = 0;               // counts restarts
  std::int64_t watched_revision_ = 0;  // the watch has told everything up to this
  std::int64_t awaited_revision_ = 0;  // something we know happened at this, so that the watch must tell it
  Instant awaited_since_;

  mutable std::optional<ClusterView> view_;  // made of keys_ at view_changes_
  mutable std::uint64_t view_changes_ = 0;
  mutable std::set<std::string> complaints_;                    // that were logged already
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is queued when this is destroyed
};

}  // namespace matriarch::etcd3
