#include "store/managed_etcd/upkeep.h"

#include <algorithm>
#include <filesystem>

#include <sys/statvfs.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"

namespace matriarch::managed_etcd {

namespace {

using namespace std::chrono_literals;

constexpr Duration kAsk = 2s;       // what any member answers from memory
constexpr Duration kChange = 5s;    // what a majority must agree to
constexpr Duration kRewrite = 60s;  // defragmentation: reads and writes the whole database
constexpr std::size_t kMaxLog = 10u << 20;
constexpr std::int64_t kWorthwhile = 16 << 20;   // bytes: a smaller file is not worth the interruption
constexpr std::uint64_t kLeastFree = 16u << 20;  // bytes on the disk before writes are let in again
constexpr int kTurnSeconds = 120;
constexpr std::int64_t kCloseBehind = 1000;  // raft entries

// "2026-11-22T12:43:16Z", fit for a file name and sorting by time.
std::string moment(WallTime time) { return to_iso8601(time).substr(0, 19) + "Z"; }

std::uint64_t free_bytes(const std::filesystem::path& folder) {
  struct statvfs stats{};
  return statvfs(folder.c_str(), &stats) == 0 ? static_cast<std::uint64_t>(stats.f_bavail) * stats.f_frsize : 0;
}

Status keep_snapshot(const std::filesystem::path& folder, const std::string& name, const std::string& text,
                     std::size_t kept) {
  if (const auto written = write_file_atomically(folder / name, text); !written) return written;
  std::vector<std::filesystem::path> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  for (std::size_t i = 0; i + kept < all.size(); ++i) std::filesystem::remove(all[i], error);
  return {};
}

}  // namespace

Upkeep::Upkeep(Reactor& reactor, const ManagedOptions& options, const Home& home, Disk& disk, EtcdAdmin& admin)
    : reactor_(reactor),
      options_(options),
      home_(home),
      disk_(disk),
      admin_(admin),
      own_(url_of(options.client_address)) {
  const Instant now = reactor.now();
  defragment_due_.next = now + options.defragment_interval;
  snapshot_due_.next = now + std::min<Duration>(options.snapshot_interval, 1min);
}

http::Url Upkeep::url_of(const http::HostPort& address) const {
  return {.scheme = options_.https ? "https" : "http", .address = address};
}

void Upkeep::know(std::vector<http::HostPort> endpoints) {
  const auto own = std::ranges::find(endpoints, options_.client_address);
  if (own != endpoints.end()) endpoints.erase(own);
  endpoints.insert(endpoints.begin(), options_.client_address);
  if (endpoints == endpoints_) return;
  endpoints_ = std::move(endpoints);
  if (options_.on_endpoints) options_.on_endpoints(endpoints_);
}

Task<void> Upkeep::tick(Ctx ctx) {
  auto status = co_await admin_.status(own_, within(kAsk, ctx));
  if (!status) {
    status_.reset();
    if (told_.insert(status.error().text()).second) log::warning("etcd does not answer: {}", status.error().text());
    co_return;
  }
  if (!status_) told_.clear();
  status_ = std::move(*status);
  const Instant now = reactor_.now();
  if (log_due_.now(now, 1min)) {
    (void)co_await disk_.run(within(kChange, ctx), [home = home_] {  // tried again in a minute
      home.bound_log(kMaxLog);
      return true;
    });
  }
  if (status_->learner) {
    co_await become_voter(ctx);
    co_return;
  }
  if (members_due_.now(now, 5s)) co_await look_at_members(ctx);
  if (alarms_due_.now(now, 5s)) co_await look_at_alarms(ctx);
  const bool burdened = leads() && options_.holds_primary && options_.holds_primary();
  if (burdened && lead_due_.now(now, 10s)) {
    (void)co_await hand_leadership_over("the PostgreSQL primary is on this node", ctx);  // else in 10 s
  }
  if (options_.snapshot_interval > Duration::zero() && snapshot_due_.now(now, options_.snapshot_interval)) {
    co_await write_snapshot(ctx);
  }
  const bool wasteful = status_ && status_->db_size > kWorthwhile && 2 * status_->db_size_in_use < status_->db_size;
  const bool periodic = options_.defragment_interval > Duration::zero() && now >= defragment_due_.next;
  if ((wasteful || periodic) && !alarmed_ && space_due_.now(now, 1min)) co_await defragment_in_turn(ctx);
}

// A learner cannot ask for its own promotion: it asks those who vote.
Task<void> Upkeep::become_voter(Ctx ctx) {
  const auto others = endpoints_;
  for (const http::HostPort& address : others) {
    if (address == options_.client_address) continue;
    const auto done = co_await admin_.promote(url_of(address), status_->member_id, within(kChange, ctx));
    if (done) {
      log::info("the managed etcd has caught up: member {} votes from now on", status_->member_id);
      co_return;
    }
    if (done.error().code() == Errc::kConflict) co_return;  // not in sync yet
    if (told_.insert(done.error().text()).second)
      log::info("the managed etcd is a learner still: {}", done.error().text());
  }
}

Task<void> Upkeep::look_at_members(Ctx ctx) {
  const auto members = co_await admin_.members(own_, within(kAsk, ctx));
  if (!members) co_return;
  std::vector<http::HostPort> endpoints;
  for (const ListedMember& member : *members) {
    for (const std::string& text : member.client_urls) {
      if (const auto url = http::parse_url(text)) endpoints.push_back(url->address);
    }
    const bool own = status_ && member.id == status_->member_id;
    const std::string wanted = peer_url(options_);
    if (own && !member.peer_urls.empty() && member.peer_urls.front() != wanted) {
      log::info("the managed etcd moves from {} to {} (etcd3.peer_address)", member.peer_urls.front(), wanted);
      const auto moved = co_await admin_.set_peer_url(own_, member.id, wanted, within(kChange, ctx));
      if (!moved) log::warning("{}: tried again", moved.error().text());
    }
  }
  members_ = *members;
  know(std::move(endpoints));
  (void)co_await disk_.run(within(kChange, ctx), [home = home_, all = endpoints_] {  // again in 5 s
    home.write_endpoints(all);
    return true;
  });
}

Task<void> Upkeep::look_at_alarms(Ctx ctx) {
  const auto alarms = co_await admin_.alarms(own_, within(kAsk, ctx));
  if (!alarms) co_return;
  alarmed_ = !alarms->empty();
  if (!alarmed_) told_.clear();
  for (const Alarm& alarm : *alarms) {
    const bool listed =
        std::ranges::any_of(members_, [&alarm](const ListedMember& m) { return m.id == alarm.member_id; });
    if (alarm.kind != "NOSPACE") {
      if (told_.insert(alarm.kind + alarm.member_id).second) {
        log::critical(
            "etcd raised the alarm {} for member {}: remove that member, empty its etcd3.data_dir, let it join anew",
            alarm.kind, alarm.member_id);
      }
    } else if (status_ && alarm.member_id == status_->member_id) {
      if (space_due_.now(reactor_.now(), 15s)) co_await make_space(alarm, ctx);
    } else if (!members_.empty() && !listed) {
      (void)co_await admin_.disarm(own_, alarm, within(kChange, ctx));  // of a member that was removed; again in 5 s
    } else if (told_.insert(alarm.kind + alarm.member_id).second) {
      log::warning("etcd takes no writes: the space of member {} is used up; its own node makes room", alarm.member_id);
    }
  }
}

Task<void> Upkeep::make_space(Alarm alarm, Ctx ctx) {
  log::warning("etcd takes no writes: the space of this node's member is used up ({} of {} bytes); making room",
               status_->db_size, options_.quota_bytes);
  const auto compacted = co_await admin_.compact(own_, status_->revision, within(kChange, ctx));
  if (!compacted) log::warning("compacting: {}", compacted.error().text());
  const auto defragmented = co_await admin_.defragment(own_, within(kRewrite, ctx));
  if (!defragmented) log::warning("defragmenting: {}", defragmented.error().text());
  if (!co_await has_room(ctx)) co_return;
  const auto disarmed = co_await admin_.disarm(own_, alarm, within(kChange, ctx));
  if (disarmed) {
    log::info("there is room again: etcd takes writes");
  } else {
    log::warning("lifting etcd's alarm: {}", disarmed.error().text());
  }
}

Task<bool> Upkeep::has_room(Ctx ctx) {
  const auto status = co_await admin_.status(own_, within(kAsk, ctx));
  if (!status) co_return false;
  const auto on_disk = co_await disk_.run(within(kChange, ctx), [folder = home_.data()] { return free_bytes(folder); });
  const bool disk = on_disk && *on_disk >= kLeastFree;
  const bool quota = status->db_size * 10 < options_.quota_bytes * 8;
  if (!disk)
    log::error("the disk of {} is full: make room there; etcd takes writes again by itself then",
               home_.data().string());
  if (!quota) {
    log::error(
        "etcd's database needs {} of {} bytes even when compacted: raise etcd3.quota on all nodes and restart etcd",
        status->db_size, options_.quota_bytes);
  }
  co_return disk&& quota;
}

// To the voter that is furthest; losing this node then costs no election of etcd's.
Task<bool> Upkeep::hand_leadership_over(std::string why, Ctx ctx) {
  std::string best;
  std::string name;
  std::int64_t furthest = status_->applied_index - kCloseBehind;
  const auto members = members_;
  for (const ListedMember& member : members) {
    if (member.learner || member.id == status_->member_id || member.client_urls.empty()) continue;
    const auto url = http::parse_url(member.client_urls.front());
    if (!url) continue;
    const auto status = co_await admin_.status(*url, within(500ms, ctx));
    if (!status || status->leader_id != status_->member_id || status->applied_index < furthest) continue;
    furthest = status->applied_index;
    best = member.id;
    name = member.name;
  }
  if (best.empty()) co_return false;
  const auto done = co_await admin_.hand_over(own_, best, within(kChange, ctx));
  if (done) {
    log::info("etcd's leadership goes to {}: {}", name, why);
  } else {
    log::warning("handing etcd's leadership to {}: {}", name, done.error().text());
  }
  co_return done.ok();
}

Task<void> Upkeep::defragment_in_turn(Ctx ctx) {
  if (leads() && co_await hand_leadership_over("this member is about to be defragmented", ctx)) co_return;  // next time
  const std::string turn = "/matriarch/defragment/" + options_.scope;
  const auto mine = co_await admin_.take_turn(own_, turn, options_.name, kTurnSeconds, within(kChange, ctx));
  if (!mine || !*mine) co_return;  // another member is at it: in a minute again
  const auto before = status_->db_size;
  const auto done = co_await admin_.defragment(own_, within(kRewrite, ctx));
  (void)co_await admin_.end_turn(own_, turn, within(kChange, ctx));  // it ends by itself, too
  if (!done) {
    log::warning("defragmenting etcd: {}", done.error().text());
    co_return;
  }
  defragment_due_.next = reactor_.now() + options_.defragment_interval;
  const auto after = co_await admin_.status(own_, within(kAsk, ctx));
  if (after) log::info("etcd's database was defragmented: {} bytes, {} before", after->db_size, before);
}

Task<void> Upkeep::write_snapshot(Ctx ctx) {
  const auto contents = co_await admin_.contents(own_, within(kChange, ctx));
  if (!contents) {
    log::warning("no snapshot of the store: {}", contents.error().text());
    co_return;
  }
  const std::string at = moment(reactor_.wall_now());
  const auto kept = co_await disk_.run(
      within(kRewrite, ctx),
      [folder = home_.snapshots(), name = at + ".json", text = snapshot_text(*contents, options_.scope, at),
       count = static_cast<std::size_t>(options_.snapshots_kept)] { return keep_snapshot(folder, name, text, count); });
  if (kept && !*kept) log::warning("no snapshot of the store: {}", kept->error().text());
}

}  // namespace matriarch::managed_etcd
