// Synchronous commit. A changed synchronous_standby_names reaches each walsender by itself; one that was not reached yet goes
// on releasing commits by the former names.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/standby_names.h"
#include "sim/postgres.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

int Postgres::Synchronous::priority_of(const std::string& standby) const {
  const auto found = std::ranges::find(names, standby);
  if (found == names.end()) return 0;
  return mode == SyncMode::kQuorum ? 1 : static_cast<int>(found - names.begin()) + 1;
}

// What this walsender, by the names it knows, makes of all walsenders: is a commit up to `end` confirmed?
bool Postgres::confirmed_by(const std::string& name, const Sender& sender, Lsn end) const {
  const Synchronous& known = sender.synchronous;
  if (known.priority_of(name) == 0) return false;
  std::vector<std::pair<int, const Sender*>> listed;
  for (const auto& [other, state] : senders_) {
    if (const int priority = state.synchronous.priority_of(other); priority > 0) listed.emplace_back(priority, &state);
  }
  std::ranges::sort(listed, {}, [](const auto& item) { return item.first; });
  if (std::ssize(listed) < known.count) return false;
  if (known.mode == SyncMode::kPriority) listed.resize(static_cast<std::size_t>(known.count));
  return std::ranges::count_if(listed, [&](const auto& item) { return item.second->flushed >= end; }) >= known.count;
}

bool Postgres::synced(Lsn end) const {
  if (sync_.count == 0) return true;
  return std::ranges::any_of(senders_, [&](const auto& item) { return confirmed_by(item.first, item.second, end); });
}

bool Postgres::can_acknowledge() const {
  if (!writable()) return false;
  const auto connected = std::ranges::count_if(sync_.names, [&](const auto& name) { return senders_.contains(name); });
  return sync_.count == 0 || connected >= sync_.count;
}

void Postgres::release_commits() {
  if (!writable()) return;
  std::vector<Commit> ready;
  std::erase_if(commits_, [&](Commit& commit) {
    if (!synced(commit.end)) return false;
    ready.push_back(std::move(commit));
    return true;
  });
  for (Commit& commit : ready) commit.answered(true, commit.end, commit.serial);
}

void Postgres::set_synchronous(std::vector<std::string> names, int count, SyncMode mode) {
  std::ranges::sort(names);
  const bool nobody = names.empty() || mode == SyncMode::kOff;
  const int all = static_cast<int>(names.size());
  sync_ = {.names = std::move(names), .count = count > 0 ? count : nobody ? 0 : all, .mode = mode};
  if (mode == SyncMode::kOff) sync_ = {};
  world_.trace.line(name_, "synchronous_standby_names: {} of {}", sync_.count, fmt::join(sync_.names, ","));
  for (auto& [name, sender] : senders_) {
    const bool late = random_.chance(0.1);
    const Duration delay = late ? random_.between(milliseconds(100), seconds(3)) : random_.between(milliseconds(0), milliseconds(30));
    os_.call_at(os_.now() + delay, [this, name, link = sender.link] {
      const auto found = senders_.find(name);
      if (found == senders_.end() || found->second.link != link) return;
      found->second.synchronous = sync_;  // the file as it is by then
      release_commits();
    });
  }
  release_commits();
}

// As the session that looks computes it: its own names, and the places that the walsenders have.
void Postgres::describe_synchronous(ServerView& view) const {
  view.synchronous_commit = "on";
  view.synchronous_standby_names = format_standby_names(sync_.names, sync_.count, sync_.mode);
  for (const auto& [name, sender] : senders_) {
    view.walsenders.push_back({.pid = static_cast<int>(sender.link % 30'000),
                               .application_name = name,
                               .state = sender.caught_up ? "streaming" : "catchup",
                               .sync_state = "async",
                               .sync_priority = sender.synchronous.priority_of(name),
                               .write_lsn = sender.flushed,
                               .flush_lsn = sender.flushed,
                               .replay_lsn = sender.flushed});
  }
  std::vector<WalSender*> listed;
  for (auto& row : view.walsenders) {
    if (row.sync_priority > 0) listed.push_back(&row);
  }
  std::ranges::sort(listed, {}, [](const WalSender* row) { return std::pair(row->sync_priority, row->application_name); });
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const bool first = static_cast<int>(i) < sync_.count;
    listed[i]->sync_state = sync_.mode == SyncMode::kQuorum ? "quorum" : first ? "sync" : "potential";
  }
}

}  // namespace matriarch::sim
