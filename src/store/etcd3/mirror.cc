#include "store/etcd3/mirror.h"

#include "base/log.h"

namespace matriarch::etcd3 {

namespace {

using namespace std::chrono_literals;

// What we know to have happened must have come by the watch after this time.
constexpr Duration kWatchGrace = 2s;
constexpr std::size_t kMaxComplaints = 1000;

}  // namespace

Mirror::Mirror(Reactor& reactor, TaskGroup& group, Gateway& gateway, std::string prefix, std::string own_name,
               bool watching)
    : reactor_(reactor),
      group_(group),
      gateway_(gateway),
      keys_(std::move(prefix), std::move(own_name)),
      watching_(watching) {}

bool Mirror::may_answer() const {
  return watch_is_healthy_ && proved_at_ && reactor_.now() - *proved_at_ < ttl_ / 2 && keys_.find("leader") != nullptr;
}

bool Mirror::watch_is_deaf() const {
  return watch_is_healthy_ && watched_revision_ < awaited_revision_ && reactor_.now() - awaited_since_ > kWatchGrace;
}

Task<Result<ClusterView>> Mirror::load(Ctx ctx) {
  if (watch_is_deaf()) {
    log::warning("etcd: the watch at {} does not tell what happens; starting it anew", gateway_.current_origin());
    restart_watch();
  }
  if (!may_answer()) {
    const Status read = co_await read_all(ctx);
    if (!read.ok()) co_return read.error();
    start_watching();
  }
  co_return view();
}

Task<Status> Mirror::read_all(Ctx ctx) {
  const auto reply = co_await gateway_.call({.method = "/kv/range", .body = range_of_prefix(keys_.prefix())}, ctx);
  if (!reply.ok()) co_return reply.error();
  took_range(read_key_values(reply->body), *reply);
  co_return Status();
}

void Mirror::took_range(const std::vector<KeyValue>& found, const Reply& reply) {
  const bool another_store = cluster_id_ != 0 && reply.header.cluster_id != cluster_id_;
  if (another_store || reply.header.revision < keys_.revision()) {
    // An older range that was overtaken is no news. But a majority that knows less than it did when we asked has lost its
    // data: all revisions start again.
    if (!another_store && reply.sent_at < range_sent_at_) return;
    log::warning("etcd: its revisions have gone back; reading everything anew");
    keys_.clear();
    awaited_revision_ = 0;
    restart_watch();
  }
  cluster_id_ = reply.header.cluster_id;
  const bool wakes = keys_.replace(found, reply.header.revision);
  range_sent_at_ = std::max(range_sent_at_, reply.sent_at);
  proved_at_ = range_sent_at_;
  if (wakes) {
    std::int64_t newest = 0;
    for (const KeyValue& kv : found) newest = std::max(newest, kv.mod_revision);
    if (newest > awaited_revision_) {
      awaited_revision_ = newest;
      awaited_since_ = reactor_.now();
    }
    changed_something();
  }
}

void Mirror::wrote(std::string_view name, std::string_view value, std::string_view lease, std::int64_t revision) {
  (void)keys_.apply_put({.key = keys_.prefix() + std::string(name),
                         .value = std::string(value),
                         .mod_revision = revision,
                         .lease = std::string(lease)});
  if (revision > awaited_revision_) {
    awaited_revision_ = revision;
    awaited_since_ = reactor_.now();
  }
}

void Mirror::erased(std::string_view name, std::int64_t revision) {
  (void)keys_.apply_delete(keys_.prefix() + std::string(name), revision);
}

void Mirror::distrust() { proved_at_.reset(); }

const ClusterView& Mirror::view() const {
  if (view_ && view_changes_ == keys_.changes()) return *view_;
  Complaints complaints;
  view_ = read_cluster(keys_.raw(), complaints);
  view_changes_ = keys_.changes();
  for (std::string& complaint : complaints) {
    if (complaints_.size() > kMaxComplaints) complaints_.clear();
    if (complaints_.insert(complaint).second) log::error("etcd: {}{}", keys_.prefix(), complaint);
  }
  return *view_;
}

bool Mirror::has_member_that_reads_optime() const {
  for (const Member& member : view().members) {
    const std::string& version = member.data.version;
    if (version.starts_with("0.") || version.starts_with("1.") || version.starts_with("2.0")) return true;
  }
  return false;
}

void Mirror::changed_something() {
  if (!changed_ || change_posted_) return;
  change_posted_ = true;
  reactor_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    change_posted_ = false;
    if (changed_) changed_();
  });
}

}  // namespace matriarch::etcd3
