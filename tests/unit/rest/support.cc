#include "tests/unit/rest/support.h"

#include "base/log.h"
#include "http/url.h"

namespace matriarch::rest::testing {

TimerId ManualScheduler::call_at(Instant when, Callback fn) {
  queue_.emplace(std::pair(std::max(when, now_), next_), std::move(fn));
  return static_cast<TimerId>(next_++);
}

void ManualScheduler::cancel(TimerId id) {
  std::erase_if(queue_, [id](const auto& entry) { return entry.first.second == static_cast<std::uint64_t>(id); });
}

void ManualScheduler::drain() {
  while (!queue_.empty() && queue_.begin()->first.first <= now_) {
    Callback fn = std::move(queue_.begin()->second);
    queue_.erase(queue_.begin());
    fn();
  }
}

void ManualScheduler::advance(Duration by) {
  const Instant end = now_ + by;
  while (!queue_.empty() && queue_.begin()->first.first <= end) {
    now_ = std::max(now_, queue_.begin()->first.first);
    drain();
  }
  now_ = end;
  wall_ += std::chrono::duration_cast<std::chrono::microseconds>(by);
}

http::Response finish(ManualScheduler& scheduler, http::Answer answer) {
  if (http::Response* response = answer.immediate()) return std::move(*response);
  return finish(scheduler, std::move(*answer.task()));
}

Task<std::shared_ptr<const AgentSnapshot>> FakeAgent::fresh_snapshot(Ctx ctx) {
  ++observations;
  const auto slept = co_await sleep_until(scheduler_, scheduler_.now() + observation_time.value_or(1h), ctx);
  if (!slept || snapshot_ == nullptr) co_return snapshot_;
  auto fresh = std::make_shared<AgentSnapshot>(*snapshot_);
  fresh->server_seen_at = scheduler_.now();
  if (observe) observe(*fresh);
  co_return fresh;
}

Task<CommandResult> FakeAgent::failover(FailoverCommand command, Ctx) {
  calls.emplace_back("failover");
  failover_command = std::move(command);
  co_return answer;
}
Task<CommandResult> FakeAgent::cancel_failover(Ctx) {
  calls.emplace_back("cancel_failover");
  co_return answer;
}
Task<CommandResult> FakeAgent::restart(RestartCommand command, Ctx) {
  calls.emplace_back("restart");
  restart_command = std::move(command);
  co_return answer;
}
Task<CommandResult> FakeAgent::cancel_restart(Ctx) {
  calls.emplace_back("cancel_restart");
  co_return answer;
}
Task<CommandResult> FakeAgent::reinitialize(bool force, bool from_leader, Ctx) {
  calls.push_back(fmt::format("reinitialize force={} from_leader={}", force, from_leader));
  co_return answer;
}
Task<CommandResult> FakeAgent::reload(Ctx) {
  calls.emplace_back("reload");
  co_return answer;
}
Task<CommandResult> FakeAgent::patch_config(Value patch, Ctx) {
  calls.push_back("patch_config " + to_json(patch));
  co_return answer;
}
Task<CommandResult> FakeAgent::replace_config(Value config, Ctx) {
  calls.push_back("replace_config " + to_json(config));
  co_return answer;
}
FakeAgent::FailsafeReply FakeAgent::failsafe(FailsafeMessage message) {
  calls.emplace_back("failsafe");
  failsafe_message = std::move(message);
  return {answer, failsafe_lsn};
}
Task<void> FakeAgent::mpp_event(MppEvent mpp, Ctx) {
  calls.push_back("mpp_event " + mpp.type);
  event = std::move(mpp);
  co_return;
}

namespace {

Member member(int number, Role role, std::string replication_state) {
  Member m;
  m.name = fmt::format("pg{}", number);
  m.data.conn_url = fmt::format("postgres://10.1.0.{}:5432/postgres", number);
  m.data.api_url = fmt::format("http://10.1.0.{}:8008/patroni", number);
  m.data.state = PgState::kRunning;
  m.data.role = role;
  m.data.version = "4.1.4";
  m.data.timeline = 2;
  m.data.has_wal_position = true;
  m.data.xlog_location = Lsn{83886432};
  if (role == Role::kReplica) m.data.receive_lsn = m.data.replay_lsn = Lsn{83886432};
  m.data.replication_state = std::move(replication_state);
  return m;
}

AgentSnapshot snapshot_of(std::string name, Role role, Instant now) {
  AgentSnapshot snapshot;
  snapshot.name = std::move(name);
  snapshot.scope = "shop";
  snapshot.role = role;
  snapshot.state = PgState::kRunning;
  snapshot.server_seen_at = snapshot.cycle_at = now;
  snapshot.store_last_seen = 1772359205;
  snapshot.cluster = std::make_shared<const ClusterView>(shop_view());
  ServerView& server = snapshot.server;
  server.directory = DataDirectory::kPresent;
  server.postmaster_alive = server.queried = true;
  server.readiness = Readiness::kAccepting;
  server.control.system_id = "7300000000000000001";
  server.postmaster_start_time = "2026-03-01 10:00:00.123456+00";
  server.server_version = 160004;
  return snapshot;
}

}  // namespace

ClusterView shop_view() {
  ClusterView view;
  view.initialize = "7300000000000000001";
  view.leader = Leader{"pg1", "7", "lease"};
  view.status.optime = Lsn{83886432};
  view.members = {member(1, Role::kPrimary, ""), member(2, Role::kReplica, "streaming"),
                  member(3, Role::kReplica, "streaming")};
  view.config = StoredConfig{json(R"({"ttl":30,"loop_wait":10})"), "3"};
  return view;
}

AgentSnapshot primary_snapshot(Instant now) {
  AgentSnapshot snapshot = snapshot_of("pg1", Role::kPrimary, now);
  snapshot.lease_end = now + 30s;
  snapshot.leader_by_lease = true;
  snapshot.server.timeline = 2;
  snapshot.server.wal_lsn = Lsn{83886432};
  return snapshot;
}

AgentSnapshot replica_snapshot(Instant now) {
  AgentSnapshot snapshot = snapshot_of("pg2", Role::kReplica, now);
  ServerView& server = snapshot.server;
  server.in_recovery = true;
  server.received_timeline = 2;
  server.receive_lsn = server.replay_lsn = server.latest_end_lsn = Lsn{83886432};
  server.replication_state = "streaming";
  return snapshot;
}

Value json(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *std::move(parsed) : Value();
}

http::Request request(std::string method, std::string target, std::string body) {
  http::Request made;
  made.method = std::move(method);
  const auto mark = target.find('?');
  made.path = target.substr(0, mark);
  if (mark != std::string::npos) made.query = http::parse_query(std::string_view(target).substr(mark + 1));
  made.target = std::move(target);
  made.peer_address = "10.9.9.9";
  if (!body.empty()) made.headers.add("Content-Length", std::to_string(body.size()));
  made.body = std::move(body);
  return made;
}

namespace {

std::vector<std::string>& log_lines() {
  static std::vector<std::string> lines;
  return lines;
}

void remember(log::Level level, std::string_view text) {
  log_lines().push_back(fmt::format("{} {}", log::to_string(level), text));
}

}  // namespace

const std::vector<std::string>& ApiTest::logged() { return log_lines(); }

ApiTest::ApiTest()
    : api_(scheduler_, agent_, [this](std::string host, Ctx) -> Task<Result<std::vector<IpAddress>>> {
        constexpr auto answer = [](Result<std::vector<IpAddress>> result) -> Task<Result<std::vector<IpAddress>>> {
          co_return result;
        };
        ++lookups_;
        const auto found = names_.find(host);
        if (found == names_.end()) return answer(Error(Errc::kNotFound, "no such name"));
        return answer(found->second);
      }) {
  log_lines().clear();
  log::set_sink(remember);
  agent_.publish(primary_snapshot(scheduler_.now()));
  configure({});
}

ApiTest::~ApiTest() {
  log::set_level(log::Level::kInfo);
  constexpr auto body = [](Api* api) -> Task<bool> {
    co_await api->stop();
    co_return true;
  };
  finish(scheduler_, body(&api_));
}

void ApiTest::configure(RestOptions options) {
  Allowlist allowlist{.active = !options.allowlist.empty()};
  for (const std::string& entry : options.allowlist) {
    if (const auto network = parse_network(entry)) allowlist.networks.push_back(*network);
  }
  api_.configure(std::move(options), std::move(allowlist));
}

// As http::Server does it: the gate first, then the handler.
http::Response ApiTest::send(http::Request request) {
  if (auto refusal = api_.gate(request)) return std::move(*refusal);
  return finish(scheduler_, api_.handle(std::move(request), Ctx{}));
}

}  // namespace matriarch::rest::testing
