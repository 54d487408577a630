// `store`: members of etcd, snapshots of its contents. Ours.
#include "ctl/store_admin.h"

#include "base/files.h"
#include "ctl/commands.h"
#include "ctl/prompt.h"

namespace matriarch::ctl {
namespace {

constexpr std::size_t kMaxSnapshot = 64u << 20;

std::string shown_size(std::int64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

std::string listed(const std::vector<std::string>& texts) { return fmt::format("{}", fmt::join(texts, ", ")); }

Table pretty_table(const std::vector<StoreMember>& members) {
  Table table{.columns = {{"Member"}, {"Role"}, {"State"}, {"Client"}, {"DB size", Align::kRight}, {"Alarms"}, {"ID"}}};
  for (const StoreMember& one : members) {
    const bool up = one.problem.empty();
    table.rows.push_back({one.name.empty() ? std::string("-") : one.name, one.role,
                          up ? std::string("running") : one.problem, one.client_url,
                          up ? Cell(shown_size(one.db_size)) : Cell(), listed(one.alarms), one.id});
  }
  return table;
}

Table machine_table(const std::vector<StoreMember>& members) {
  Table table{.columns = {{"Member"},
                          {"Role"},
                          {"State"},
                          {"Client"},
                          {"Peer"},
                          {"DB size"},
                          {"Alarms"},
                          {"Version"},
                          {"Problem"},
                          {"ID"}}};
  for (const StoreMember& one : members) {
    const bool up = one.problem.empty();
    table.rows.push_back({one.name, one.role, std::string(up ? "running" : "unreachable"), one.client_url, one.peer_url,
                          up ? Cell(Value(one.db_size)) : Cell(), listed(one.alarms), one.version, one.problem,
                          one.id});
  }
  return table;
}

Task<Status> status(App& app, StoreAdmin& admin, Format format) {
  const auto members = co_await admin.members(app.store_ctx());
  if (!members) co_return members.error();
  const bool pretty = format == Format::kPretty;
  app.console.out(
      render(pretty ? pretty_table(*members) : machine_table(*members), format, EmptyKeys::kKeep, " Store "));
  for (const StoreMember& one : *members) app.refused = app.refused || !one.problem.empty() || !one.alarms.empty();
  co_return Status();
}

Result<bool> sure(App& app, bool force, std::string_view question) {
  if (force) return true;
  return confirm(app.console, question);
}

Task<Status> remove_member(App& app, StoreAdmin& admin, std::string name, bool force) {
  const auto members = co_await admin.members(app.store_ctx());
  if (!members) co_return members.error();
  const auto found =
      std::ranges::find_if(*members, [&name](const StoreMember& m) { return m.name == name || m.id == name; });
  if (found == members->end()) {
    std::vector<std::string> names;
    for (const StoreMember& one : *members) names.push_back(one.name.empty() ? one.id : one.name);
    co_return Error(Errc::kInvalid, fmt::format("the store has no member {}; it has {}", name, listed(names)));
  }
  const auto go = sure(app, force,
                       fmt::format("Remove {} ({}) from the store? Its data there becomes worthless", name,
                                   found->problem.empty() ? "running" : found->problem));
  if (!go) co_return go.error();
  if (!*go) co_return Error(Errc::kCancelled, "not confirmed");
  const auto removed = co_await admin.remove(found->id, app.store_ctx());
  if (!removed) co_return removed;
  app.say(fmt::format("Removed {} from the store. A node of that name whose etcd3.data_dir is empty joins by itself",
                      name));
  co_return Status();
}

Task<Status> add(App& app, StoreAdmin& admin, std::string peer_url) {
  const auto added = co_await admin.add(peer_url, app.store_ctx());
  if (!added) co_return added;
  app.say(fmt::format("The store expects a member at {}: start its node now", peer_url));
  co_return Status();
}

Task<Status> snapshot(App& app, StoreAdmin& admin, std::string file) {
  const auto text = co_await admin.snapshot(app.store_ctx());
  if (!text) co_return text.error();
  if (const auto written = write_file_atomically(file, *text); !written) co_return written;
  app.say(fmt::format("Wrote {} bytes to {}", text->size(), file));
  co_return Status();
}

Task<Status> restore(App& app, StoreAdmin& admin, std::string file, bool force) {
  const auto text = read_file(file, kMaxSnapshot);
  if (!text) co_return text.error();
  const auto led = co_await admin.has_leader(app.store_ctx());
  if (!led) co_return led.error();
  if (*led && !force) {
    co_return Error(Errc::kConflict,
                    "a node leads this cluster: what it knows is newer than any snapshot. Stop all agents "
                    "first, or use --force");
  }
  const auto go = sure(app, force, "Write the keys of the snapshot over those in the store?");
  if (!go) co_return go.error();
  if (!*go) co_return Error(Errc::kCancelled, "not confirmed");
  const auto count = co_await admin.restore(*text, app.store_ctx());
  if (!count) co_return count.error();
  app.say(fmt::format("Wrote {} keys", *count));
  co_return Status();
}

}  // namespace

Task<Status> store(App& app, StoreOptions options) {
  StoreAdmin* admin = app.clusters.store_admin();
  if (admin == nullptr) {
    co_return Error(Errc::kUnsupported, "`store` looks after etcd: give a configuration file with the section etcd3");
  }
  switch (options.action) {
    case StoreAction::kStatus: co_return co_await status(app, *admin, options.format);
    case StoreAction::kAdd: co_return co_await add(app, *admin, options.argument);
    case StoreAction::kRemove: co_return co_await remove_member(app, *admin, options.argument, options.force);
    case StoreAction::kSnapshot: co_return co_await snapshot(app, *admin, options.argument);
    case StoreAction::kRestore: co_return co_await restore(app, *admin, options.argument, options.force);
  }
  co_return Status();
}

}  // namespace matriarch::ctl
