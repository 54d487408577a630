#include "tests/unit/ctl/fakes.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

#include "ctl/table.h"

namespace matriarch::ctl::testing {

WallTime VirtualScheduler::wall_now() const {
  const auto start = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + std::chrono::hours(10) +
                     std::chrono::microseconds(512340);
  return start + std::chrono::floor<std::chrono::microseconds>(now_ - Instant(std::chrono::hours(1)));
}

TimerId VirtualScheduler::add(Instant when, Callback fn) {
  queue_.emplace(std::pair(when, ++sequence_), std::move(fn));
  return TimerId(sequence_);
}

void VirtualScheduler::cancel(TimerId id) {
  std::erase_if(queue_, [&](const auto& entry) { return TimerId(entry.first.second) == id; });
}

void VirtualScheduler::run() {
  while (!queue_.empty()) {
    auto first = queue_.extract(queue_.begin());
    now_ = std::max(now_, first.key().first);
    first.mapped()();
  }
}

std::optional<std::string> FakeConsole::read_line() {
  if (answers.empty()) return std::nullopt;
  std::string line = std::move(answers.front());
  answers.pop_front();
  return line;
}

std::string FakeConsole::read_rest(std::size_t limit) {
  std::string text;
  while (auto line = read_line()) text += *line + "\n";
  return text.substr(0, limit);
}

std::string FakeStore::get(const std::string& key) const {
  const auto found = keys.find(key);
  return found == keys.end() ? "(absent)" : found->second.value;
}

Task<Result<ClusterView>> FakeStore::load(Ctx /*ctx*/) {
  ++loads;
  if (const auto change = before_load.find(loads); change != before_load.end()) change->second();
  if (unreachable) co_return Error(Errc::kUnavailable, "no store answers at 127.0.0.1:2379");
  std::vector<RawKey> raw;
  for (const auto& [name, key] : keys) {
    raw.push_back({.key = name, .value = key.value, .version = std::to_string(key.version)});
  }
  Complaints complaints;
  co_return read_cluster(raw, complaints);
}

Task<Status> FakeStore::write(std::string key, std::string text, std::optional<Version> expected) {
  const auto found = keys.find(key);
  const Version version = found == keys.end() ? Version() : std::to_string(found->second.version);
  if (conflict || (expected && *expected != version)) co_return Error(Errc::kConflict, "another version");
  put(key, text);
  co_return Status();
}

Task<Status> FakeStore::set_config(std::string text, std::optional<Version> expected, Ctx /*ctx*/) {
  return write("config", std::move(text), std::move(expected));
}

Task<Status> FakeStore::set_failover(std::string text, std::optional<Version> expected, Ctx /*ctx*/) {
  return write("failover", std::move(text), std::move(expected));
}

Task<Status> FakeStore::delete_cluster(Ctx /*ctx*/) {
  keys.clear();
  co_return Status();
}

namespace {
Error forbidden() {
  ADD_FAILURE() << "a CLI client must not do this (CTL-045)";
  return {Errc::kUnsupported, "forbidden"};
}
}  // namespace

void FakeStore::on_change(std::function<void()> /*changed*/) { (void)forbidden(); }
Task<Result<LeaseHeld>> FakeStore::acquire_leader(ElectionBasis /*basis*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Result<LeaseHeld>> FakeStore::take_leader(Ctx /*ctx*/) { co_return forbidden(); }
Task<RenewOutcome> FakeStore::renew_leader(LeaderReport /*report*/, Ctx /*ctx*/) {
  (void)forbidden();
  co_return RenewOutcome();
}
Task<Status> FakeStore::release_leader(std::optional<Lsn> /*optime*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::touch_member(const MemberData& /*data*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::delete_member(Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::create_initialize(std::string /*text*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::set_initialize(std::string /*text*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::delete_initialize(Ctx /*ctx*/) { co_return forbidden(); }
Task<Result<Version>> FakeStore::set_sync(std::string /*text*/, std::optional<Version> /*expected*/, Ctx /*ctx*/) {
  co_return forbidden();
}
Task<Status> FakeStore::delete_sync(std::optional<Version> /*expected*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::set_history(std::string /*text*/, Ctx /*ctx*/) { co_return forbidden(); }
Task<Status> FakeStore::set_status(StatusInfo /*status*/, Ctx /*ctx*/) { co_return forbidden(); }
void FakeStore::configure(Duration /*ttl*/, Duration /*retry_timeout*/) { (void)forbidden(); }

FakeStore& FakeClusters::at(const std::string& scope, std::optional<int> group) {
  auto& store = stores_[{.scope = scope, .group = group}];
  if (!store) store = std::make_unique<FakeStore>();
  return *store;
}

Result<Store*> FakeClusters::open(ClusterId id) { return static_cast<Store*>(&at(id.scope, id.group)); }

Task<Result<std::map<int, ClusterView>>> FakeClusters::load_groups(std::string scope, Ctx ctx) {
  std::map<int, ClusterView> groups;
  for (auto& [id, store] : stores_) {
    if (id.scope != scope || !id.group) continue;
    auto view = co_await store->load(ctx);
    if (!view) co_return view.error();
    groups.emplace(*id.group, std::move(*view));
  }
  co_return groups;
}

Task<RestOutcome> FakeRest::call(RestCall call, Ctx /*ctx*/) {
  const std::string key = call.method + " " + call.url;
  calls.push_back(call.body ? key + " " + to_spaced_json(*call.body) : key);
  const auto found = answers.find(key);
  if (found == answers.end()) {
    co_return RestOutcome{.reply = Error(Errc::kUnavailable, "connection refused: " + call.url)};
  }
  const Answer answer = found->second.front();
  if (found->second.size() > 1) found->second.pop_front();
  if (answer.status == 0) {
    co_return RestOutcome{.reply = Error(Errc::kUnavailable, "connection lost: " + call.url), .sent = true};
  }
  co_return RestOutcome{.reply = RestReply{.status = answer.status, .text = answer.text}, .sent = true};
}

Cli::Cli() {
  setenv("TZ", "UTC", 1);
  tzset();
  config.scope = "shop";
}

int Cli::run(const std::vector<std::string>& arguments) {
  const Parsed parsed = parse_command_line("matriarchctl", arguments);
  if (const auto* help = std::get_if<Help>(&parsed)) {
    console.out(help->text);
    return 0;
  }
  if (const auto* usage = std::get_if<UsageError>(&parsed)) {
    console.err(usage->text);
    return 2;
  }
  App app{.scheduler = scheduler, .console = console, .clusters = clusters, .rest = rest, .config = config,
          .program = "matriarchctl", .version = "1.2.3",
          .random_below = [this](std::size_t limit) { return random % limit; }};
  const auto& invocation = std::get<Invocation>(parsed);
  auto task = invocation.start(app);
  if (!task) {
    console.err(usage_text(invocation.usage, task.error().text()));
    return 2;
  }
  Status status;
  const auto wrap = [](Task<Status> command, Status* result) -> Task<void> { *result = co_await std::move(command); };
  Task<void> whole = wrap(std::move(*task), &status);
  struct Root {  // starts the task; the scheduler runs until it has nothing to do any more
    struct promise_type {
      Root get_return_object() { return {}; }
      std::suspend_never initial_suspend() { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() { std::abort(); }
    };
  };
  bool done = false;
  [](Task<void> inner, bool* finished) -> Root {
    co_await std::move(inner);
    *finished = true;
  }(std::move(whole), &done);
  scheduler.run();
  EXPECT_TRUE(done) << "the command waits for something that never comes";
  if (!status) {
    console.err(status.error().code() == Errc::kCancelled ? "Aborted!\n" : "Error: " + status.error().text() + "\n");
    return 1;
  }
  return app.refused ? 1 : 0;
}

void Cli::member(const std::string& name, const std::string& json, const std::string& cluster,
                 std::optional<int> group) {
  clusters.at(cluster, group).put("members/" + name, json);
}

void Cli::answer(const std::string& method_and_url, int status, const std::string& text) {
  rest.answers[method_and_url].push_back({.status = status, .text = text});
}

void Cli::make_shop() {
  FakeStore& shop = store();
  shop.put("initialize", "7300000000000000001");
  shop.put("leader", "pg1");
  shop.put("status", R"({"optime":150995272})");
  shop.put("config", R"({"ttl":30,"loop_wait":10,"synchronous_mode":true,)"
                     R"("postgresql":{"parameters":{"wal_keep_size":"64MB"}}})");
  shop.put("sync", R"({"leader":"pg1","quorum":0,"sync_standby":"pg2"})");
  member("pg1", R"({"conn_url":"postgres://10.1.0.1:5432/postgres","api_url":"http://10.1.0.1:8008/patroni",)"
                R"("state":"running","role":"primary","version":"4.1.4","xlog_location":150995272,"timeline":4})");
  member("pg2", R"({"conn_url":"postgres://10.1.0.2:5432/postgres","api_url":"http://10.1.0.2:8008/patroni",)"
                R"("state":"running","role":"replica","version":"4.1.4","xlog_location":150995272,)"
                R"("receive_lsn":150995272,"replay_lsn":150995040,"replication_state":"streaming","timeline":4})");
  member("pg3", R"({"conn_url":"postgres://10.1.0.3:5432/postgres","api_url":"http://10.1.0.3:8008/patroni",)"
                R"("state":"stopped","role":"replica","version":"4.1.4"})");
}

}  // namespace matriarch::ctl::testing
