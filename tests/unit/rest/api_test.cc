// From request to answer: routes, bodies, texts, what is shown while the store is away.
#include "base/log.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

using RestTest = ApiTest;

std::string shown(const http::Response& response) { return fmt::format("{} {}", response.status, response.body); }
bool is_page(const http::Response& response) { return response.content_type == "text/html;charset=utf-8"; }

TEST_F(RestTest, MatrixOfMethodsAndPaths) {  // API-037 to API-051, API-353
  struct Row {
    std::string segment;
    int get, head, post, put, patch, del;  // 0: something else than 501
  };
  const std::vector<Row> rows{
      {"", 200, 200, 501, 501, 501, 501},          {"primary", 200, 200, 501, 501, 501, 501},
      {"health", 200, 200, 501, 501, 501, 501},    {"liveness", 200, 503, 501, 501, 501, 501},
      {"readiness", 200, 503, 501, 501, 501, 501}, {"patroni", 200, 503, 501, 501, 501, 501},
      {"cluster", 200, 503, 501, 501, 501, 501},   {"history", 200, 503, 501, 501, 501, 501},
      {"metrics", 200, 503, 501, 501, 501, 501},   {"explain", 200, 503, 501, 501, 501, 501},
      {"config", 200, 503, 501, 0, 0, 501},        {"failsafe", 502, 503, 0, 501, 501, 501},
      {"switchover", 503, 503, 0, 501, 501, 0},    {"failover", 503, 503, 0, 501, 501, 501},
      {"restart", 503, 503, 0, 501, 501, 0},       {"reload", 503, 503, 0, 501, 501, 501},
      {"reinitialize", 503, 503, 0, 501, 501, 501}, {"sigterm", 503, 503, 0, 501, 501, 501},
      {"citus", 503, 503, 0, 501, 501, 501},       {"mpp", 503, 503, 0, 501, 501, 501},
      {"store", 404, 503, 501, 501, 501, 501},     {"foo", 503, 503, 501, 501, 501, 501}};
  for (const Row& row : rows) {
    for (const std::string& tail : {"", "/x", "/"}) {  // further segments are ignored, but health rules see them
      if (!tail.empty() && row.segment.empty()) continue;
      const std::string path = "/" + row.segment + tail;
      EXPECT_EQ(send(request("GET", path)).status, row.get) << path;
      EXPECT_EQ(send(request("HEAD", path)).status, row.head) << path;
      EXPECT_EQ(send(request("OPTIONS", path)).status, row.head) << path;
      for (const auto& [method, expected] : std::vector<std::pair<std::string, int>>{
               {"POST", row.post}, {"PUT", row.put}, {"PATCH", row.patch}, {"DELETE", row.del}, {"TRACE", 501}, {"get", 501}}) {
        const int status = send(request(method, path)).status;
        EXPECT_EQ(status == 501, expected == 501) << method << " " << path << " " << status;
      }
    }
  }
}

// Ours: the managed etcd. It is answered before there is a first snapshot: nodes that start together find each other by it.
TEST_F(RestTest, ManagedEtcd) {
  EXPECT_NE(get("/store").body.find("etcd3.managed"), std::string::npos);
  api_.serve_store([] {
    Value::Map map;
    map.set("scope", "shop");
    map.set("name", "pg\"1");
    map.set("doing", "running");
    map.set("learner", false);
    map.set("db_size", 4096);
    return Value(std::move(map));
  });
  EXPECT_EQ(shown(get("/store")),
            "200 {\"scope\": \"shop\", \"name\": \"pg\\\"1\", \"doing\": \"running\", \"learner\": false, \"db_size\": 4096}");
  const std::string metrics = get("/metrics").body;
  EXPECT_NE(metrics.find("matriarch_store_voter{scope=\"shop\",name=\"pg\\\"1\"} 1\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("matriarch_store_bytes{scope=\"shop\",name=\"pg\\\"1\"} 4096\n"), std::string::npos) << metrics;
}

TEST_F(RestTest, UnsupportedMethod) {  // API-024, API-040, API-041
  const auto refused = send(request("DELETE", "/config"));
  EXPECT_EQ(refused.status, 501);
  EXPECT_EQ(refused.reason, "Unsupported method ('DELETE')");
  EXPECT_TRUE(is_page(refused));
  EXPECT_NE(refused.body.find("Server does not support this operation"), std::string::npos);
}

TEST_F(RestTest, StatusOnlyAnswers) {  // API-021
  for (const auto& r : {request("HEAD", "/"), request("OPTIONS", "/replica"), request("GET", "/liveness"),
                        request("GET", "/readiness"), request("HEAD", "/patroni")}) {
    const auto response = send(r);
    EXPECT_TRUE(response.status_line_only && response.body.empty() && response.headers.empty()) << r.target;
  }
  EXPECT_FALSE(get("/").status_line_only);
}

TEST_F(RestTest, HealthChecksCarryTheDocument) {  // API-149, API-339, API-355
  const auto ok = get("/");
  EXPECT_EQ(ok.status, 200);
  EXPECT_EQ(ok.content_type, "application/json");
  EXPECT_EQ(json(ok.body).find("role")->as_string(), "primary");
  for (const auto* path : {"/standby_leader", "/replica", "/no/such/path"}) {
    const auto bad = get(path);
    EXPECT_EQ(bad.status, 503) << path;
    EXPECT_EQ(bad.body, ok.body) << path;
  }
  EXPECT_EQ(code("/health"), 200);
  EXPECT_EQ(code("/replica?lag=5"), 503);
}

TEST_F(RestTest, ExtraHeaders) {  // API-030 to API-033
  RestOptions options;
  options.http_extra_headers = {{"X-Frame-Options", "SAMEORIGIN"}, {"X-A", "1"}};
  options.https_extra_headers = {{"x-a", "2"}, {"Strict-Transport-Security", "max-age=1"}};
  options.username = "u";
  options.password = "p";
  configure(options);
  for (const auto& response : {get("/"), get("/patroni"), get("/metrics"), post("/reload", "")}) {
    EXPECT_EQ(response.headers.find("X-Frame-Options"), "SAMEORIGIN");
    EXPECT_EQ(response.headers.find("X-A"), "1");
    EXPECT_FALSE(response.headers.has("Strict-Transport-Security"));
  }
  for (const auto& response : {get("/liveness"), send(request("PUT", "/foo")), get("/failsafe")}) {
    EXPECT_FALSE(response.headers.has("X-A"));
  }
  options.certfile = "/c.pem";
  configure(options);
  EXPECT_EQ(get("/").headers.find("X-A"), "2");
  EXPECT_EQ(get("/").headers.find("Strict-Transport-Security"), "max-age=1");
}

TEST(ServerHeader, Tokens) {  // API-034
  RestOptions options;
  EXPECT_EQ(server_header(options), "Matriarch/0.1.0");
  options.server_tokens = ServerTokens::kProductOnly;
  EXPECT_EQ(server_header(options), "Patroni");
  options.server_tokens = ServerTokens::kMinimal;
  EXPECT_EQ(server_header(options), "Patroni/4.1.4");
}

TEST_F(RestTest, BodiesThatAreRequired) {  // API-052 to API-056, API-342
  AgentSnapshot s = replica_snapshot(scheduler_.now());
  s.settings.failsafe_mode = true;
  agent_.publish(s);
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"PATCH", "/config"}, {"PUT", "/config"}, {"POST", "/switchover"}, {"POST", "/failover"}, {"POST", "/failsafe"},
           {"POST", "/mpp"}, {"POST", "/citus"}}) {
    const auto missing = send(request(method, path));
    EXPECT_EQ(missing.status, 411) << method << path;
    EXPECT_TRUE(is_page(missing));
    http::Request zero = request(method, path);
    zero.headers.add("content-length", "0");
    EXPECT_EQ(send(zero).status, 400) << method << path;
    for (const auto* body : {"{", "[]", "[1]", "5", "null", "\"x\"", "{}", "{\"a\": 1} x"}) {
      const auto refused = send(request(method, path, body));
      EXPECT_EQ(refused.status, 400) << method << path << body;
      EXPECT_TRUE(is_page(refused));
      EXPECT_NE(refused.body.find(path), std::string::npos) << refused.body;
    }
    http::Request chunked = request(method, path);  // API-017: without Content-Length there is no body
    chunked.headers.add("Transfer-Encoding", "chunked");
    chunked.body = R"({"a": 1})";
    EXPECT_EQ(send(chunked).status, 411);
  }
  EXPECT_TRUE(agent_.calls.empty());
}

TEST_F(RestTest, BodiesThatAreOptional) {  // API-056, API-302, API-358
  for (const auto* path : {"/restart", "/reinitialize"}) {
    for (const auto* body : {"", "{}"}) EXPECT_EQ(post(path, body).status, 200) << path << body;
    EXPECT_EQ(agent_.calls.size(), 2U);
    for (const auto* body : {"{", "[]", "7", "null"}) EXPECT_EQ(post(path, body).status, 400) << path << body;
    EXPECT_EQ(agent_.calls.size(), 2U) << "refused bodies do nothing";
    agent_.calls.clear();
  }
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"POST", "/reload"}, {"POST", "/sigterm"}, {"DELETE", "/restart"}, {"DELETE", "/switchover"}}) {
    EXPECT_LT(send(request(method, path, "{broken")).status, 300) << path;
  }
}

TEST_F(RestTest, LeniencyOfJson) {  // API-059
  EXPECT_EQ(post("/switchover", R"({"leader": "x", "leader": "pg1"})").status, 200);
  EXPECT_EQ(agent_.failover_command->leader, "pg1");
}

TEST_F(RestTest, ConfigIsShownAsStored) {  // API-199, API-200
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  change_view(s, [](ClusterView& view) { view.config = StoredConfig{json(R"({"ttl":30,"a":{"z":1,"b":null}})"), "3"}; });
  agent_.publish(s);
  EXPECT_EQ(shown(get("/config")), R"(200 {"ttl": 30, "a": {"z": 1, "b": null}})");
  change_view(s, [](ClusterView& view) { view.config->version.clear(); });
  agent_.publish(s);
  EXPECT_EQ(get("/config").status, 502);
  EXPECT_TRUE(is_page(get("/config")));
  change_view(s, [](ClusterView& view) { view.config.reset(); });
  agent_.publish(s);
  EXPECT_EQ(get("/config").status, 502);
}

TEST_F(RestTest, ConfigIsChanged) {  // API-202 to API-210
  agent_.answer = {200, R"({"ttl":20,"postgresql":{}})"};
  EXPECT_EQ(shown(send(request("PATCH", "/config", R"({"ttl": 20, "x": null})"))), R"(200 {"ttl": 20, "postgresql": {}})");
  EXPECT_EQ(shown(send(request("PUT", "/config", R"({"ttl": 20})"))), R"(200 {"ttl": 20, "postgresql": {}})");
  EXPECT_EQ(agent_.calls, (std::vector<std::string>{R"(patch_config {"ttl":20,"x":null})", R"(replace_config {"ttl":20})"}));
  for (const int status : {409, 502, 503}) {
    agent_.answer = {status, "because <of> this"};
    const auto refused = send(request("PATCH", "/config", R"({"ttl": 20})"));
    EXPECT_EQ(refused.status, status);
    EXPECT_TRUE(is_page(refused));
    EXPECT_NE(refused.body.find("because "), std::string::npos);
  }
}

TEST_F(RestTest, SwitchoverAndFailover) {  // API-241 to API-259
  agent_.answer = {200, "Successfully switched over to \"pg2\""};
  const auto done = post("/switchover", R"({"leader": "pg1", "candidate": "pg2"})");
  EXPECT_EQ(shown(done), "200 Successfully switched over to \"pg2\"");
  EXPECT_EQ(done.content_type, "text/html");
  EXPECT_EQ(agent_.failover_command->leader + agent_.failover_command->candidate, "pg1pg2");
  agent_.calls.clear();
  EXPECT_EQ(shown(post("/failover", R"({"foo": "bar"})")), "400 Failover could be performed only to a specific candidate");
  EXPECT_TRUE(agent_.calls.empty());
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  s.settings.paused = true;
  agent_.publish(s);
  EXPECT_EQ(shown(post("/switchover", R"({"leader": "pg1"})")),
            "400 Switchover is possible only to a specific candidate in a paused state");  // API-326
  agent_.answer = {202, "Switchover scheduled"};
  s.settings.paused = false;
  agent_.publish(s);
  EXPECT_EQ(shown(post("/switchover", R"({"leader": "pg1", "scheduled_at": "2030-01-01T00:00Z"})")), "202 Switchover scheduled");
  EXPECT_EQ(agent_.failover_command->scheduled_at, "2030-01-01T00:00:00+00:00");
}

TEST_F(RestTest, CancelSwitchover) {  // API-270, API-271
  agent_.answer = {404, "no switchover is scheduled"};
  EXPECT_EQ(shown(send(request("DELETE", "/switchover"))), "404 no switchover is scheduled");
  agent_.answer = {409, "lost"};
  EXPECT_TRUE(is_page(send(request("DELETE", "/switchover"))));
}

TEST_F(RestTest, Restart) {  // API-273 to API-289
  agent_.answer = {200, "restarted successfully"};
  EXPECT_EQ(shown(post("/restart", R"({"role": "primary", "timeout": "10s"})")), "200 restarted successfully");
  EXPECT_EQ(agent_.restart_command->role, Role::kPrimary);
  EXPECT_EQ(agent_.restart_command->timeout, Duration(10s));
  EXPECT_EQ(shown(post("/restart", R"({"x": 1})")), "400 Unknown filter for the scheduled restart: x");
  EXPECT_EQ(agent_.calls.size(), 1U);
  agent_.answer = {200, "scheduled restart deleted"};
  EXPECT_EQ(shown(send(request("DELETE", "/restart"))), "200 scheduled restart deleted");
}

TEST_F(RestTest, ReloadReinitializeSigterm) {  // API-296 to API-303, API-340, API-343
  agent_.answer = {202, "reload scheduled"};
  EXPECT_EQ(shown(post("/reload", "")), "202 reload scheduled");
  agent_.answer = {503, "I am the leader, can not reinitialize"};
  EXPECT_EQ(shown(post("/reinitialize", R"({"force": true})")), "503 I am the leader, can not reinitialize");
  EXPECT_EQ(shown(post("/sigterm", "")), "202 shutdown scheduled");
  EXPECT_EQ(agent_.calls, (std::vector<std::string>{"reload", "reinitialize force=true from_leader=false"}));
}

TEST_F(RestTest, FailsafeTopology) {  // API-304, API-348
  EXPECT_EQ(get("/failsafe").status, 502);
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  s.failsafe_topology = json(R"({"pg1": "http://h:8008/patroni"})");
  s.cluster = nullptr;  // the store is away
  agent_.publish(s);
  EXPECT_EQ(shown(get("/failsafe")), R"(200 {"pg1": "http://h:8008/patroni"})");
  s.failsafe_topology = Value(5);
  agent_.publish(s);
  EXPECT_EQ(get("/failsafe").status, 502);
}

TEST_F(RestTest, FailsafePost) {  // API-305 to API-310, API-332
  AgentSnapshot s = replica_snapshot(scheduler_.now());
  s.cluster = nullptr;
  agent_.publish(s);
  http::Request broken = request("POST", "/failsafe", "{");
  const auto off = api_.gate(broken);  // the body is not read
  ASSERT_TRUE(off);
  EXPECT_EQ(off->status, 502);
  s.settings.failsafe_mode = true;
  agent_.publish(s);
  agent_.answer = {200, "Accepted"};
  agent_.failsafe_lsn = Lsn{83886432};
  const std::string body = R"({"name": "pg1", "conn_url": "c", "api_url": "a", "slots": {"pg2": 7}})";
  const auto accepted = post("/failsafe", body);
  EXPECT_EQ(shown(accepted), "200 Accepted");
  EXPECT_EQ(accepted.headers.find("lsn"), "83886432");
  EXPECT_EQ(agent_.failsafe_message->slots.at("pg2"), Lsn{7});
  agent_.failsafe_lsn = {};
  EXPECT_FALSE(post("/failsafe", body).headers.has("lsn"));
  agent_.answer = {500, "Running as a leader"};
  EXPECT_EQ(shown(post("/failsafe", body)), "500 Running as a leader");
  agent_.calls.clear();
  EXPECT_EQ(post("/failsafe", R"({"name": "pg1"})").status, 400);
  EXPECT_TRUE(agent_.calls.empty());
}

TEST_F(RestTest, MppEvents) {  // API-312, API-315
  EXPECT_EQ(shown(post("/citus", R"({"type": "before_demote", "group": 1, "leader": "w", "timeout": 3, "cooldown": 1})")), "200 OK");
  EXPECT_EQ(agent_.event->group, 1);
  EXPECT_EQ(shown(post("/mpp", R"({"foo": 1})")), "200 OK");
  EXPECT_EQ(agent_.calls, std::vector<std::string>{"mpp_event before_demote"});
}

TEST_F(RestTest, WithoutStore) {  // API-329 to API-331
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  s.cluster_valid_until = scheduler_.now() + 5s;
  s.lease_end = scheduler_.now() + 5s;
  agent_.publish(s);
  for (const auto* path : {"/primary", "/patroni", "/metrics", "/liveness", "/readiness", "/cluster", "/config", "/history"}) {
    EXPECT_EQ(code(path), 200) << path;
  }
  scheduler_.advance(5s);
  for (const auto* path : {"/patroni", "/metrics", "/liveness", "/health", "/explain"}) EXPECT_EQ(code(path), 200) << path;
  for (const auto* path : {"/primary", "/cluster", "/config", "/history"}) EXPECT_EQ(code(path), 503) << path;
  EXPECT_TRUE(json(get("/health").body).find("cluster_unlocked")->as_bool());  // API-114
}

TEST_F(RestTest, BeforeTheFirstSnapshot) {  // API-008
  ManualScheduler scheduler;
  FakeAgent agent(scheduler);
  Api api(scheduler, agent, {});
  api.configure({}, {});
  const auto status = [&](const http::Request& r) { return finish(scheduler, api.handle(r, Ctx{})).status; };
  EXPECT_EQ(status(request("GET", "/patroni")), 503);
  EXPECT_EQ(status(request("GET", "/liveness")), 200);  // somebody of this name is here (API-162)
  EXPECT_EQ(status(request("GET", "/readiness")), 503);
  EXPECT_EQ(status(request("HEAD", "/")), 503);
  EXPECT_EQ(status(request("POST", "/reload")), 503);
  EXPECT_EQ(status(request("POST", "/switchover", R"({"leader": "a"})")), 503);
  EXPECT_TRUE(agent.calls.empty());
}

TEST_F(RestTest, DocumentsFollowTheSnapshot) {
  EXPECT_EQ(code("/primary"), 200);
  agent_.publish(replica_snapshot(scheduler_.now()));
  EXPECT_EQ(code("/primary"), 503);
  EXPECT_EQ(code("/replica"), 200);
  EXPECT_EQ(json(get("/replica").body).find("role")->as_string(), "replica");
}

TEST_F(RestTest, PatroniIsObservedAfterTheRequest) {  // HA-193: elections rest on it
  agent_.publish(replica_snapshot(scheduler_.now()));
  agent_.observation_time = 300ms;
  agent_.observe = [](AgentSnapshot& s) { s.server.receive_lsn = s.server.replay_lsn = Lsn{99999999}; };
  scheduler_.advance(100ms);
  const Value document = json(get("/patroni").body);
  EXPECT_EQ(document.at("xlog", "received_location")->as_int(), 99999999);
  EXPECT_EQ(agent_.observations, 1);
}

TEST_F(RestTest, PatroniWithoutAnAnswerOfPostgresHasNoPosition) {  // API-096, API-318
  agent_.publish(replica_snapshot(scheduler_.now()));
  agent_.observation_time.reset();
  scheduler_.advance(1ms);
  const Instant asked = scheduler_.now();
  const auto response = get("/patroni");
  EXPECT_EQ(response.status, 200);
  EXPECT_LE(scheduler_.now() - asked, 1600ms);  // peers wait 2 s (API-317)
  const Value document = json(response.body);
  EXPECT_EQ(document.find("xlog"), nullptr);
  EXPECT_EQ(document.find("state")->as_string(), "unknown");
}

TEST_F(RestTest, PatroniOfAStoppedServerIsAnsweredAtOnce) {  // API-097
  AgentSnapshot s = replica_snapshot(scheduler_.now());
  s.state = PgState::kStopped;
  agent_.publish(s);
  agent_.observation_time.reset();
  EXPECT_EQ(json(get("/patroni").body).find("state")->as_string(), "stopped");
  EXPECT_EQ(agent_.observations, 0);
}

TEST_F(RestTest, HealthChecksKeepTheObservationFresh) {
  agent_.publish(replica_snapshot(scheduler_.now()));
  agent_.observe = [](AgentSnapshot& s) { s.server.replication_state = "in archive recovery"; };
  const std::string path = "/replica?replication_state=streaming";
  EXPECT_EQ(code(path), 200);
  scheduler_.drain();
  EXPECT_EQ(agent_.observations, 0);  // fresh enough
  scheduler_.advance(1s);
  EXPECT_EQ(code(path), 200);  // at once, from memory
  EXPECT_EQ(code(path), 200);
  scheduler_.drain();
  EXPECT_EQ(agent_.observations, 1);  // one for both
  EXPECT_EQ(code(path), 503);         // the next ones see it
  AgentSnapshot newer = replica_snapshot(scheduler_.now());
  newer.server.replication_state = "streaming";
  agent_.publish(newer);  // a cycle of the agent has the last word
  EXPECT_EQ(code(path), 200);
}

TEST_F(RestTest, ManyWhoAskAtOnceShareAnObservationBegunAfterTheyAsked) {  // HA-193
  agent_.publish(replica_snapshot(scheduler_.now()));
  agent_.observation_time = 100ms;
  agent_.observe = [this](AgentSnapshot& s) { s.server.replay_lsn = Lsn{static_cast<std::uint64_t>(agent_.observations)}; };
  constexpr auto ask = [](Task<http::Response> answer, std::vector<std::string>* bodies) -> Task<void> {
    bodies->push_back((co_await std::move(answer)).body);
  };
  std::vector<std::string> bodies;
  TaskGroup clients(scheduler_);
  for (int i = 0; i < 10; ++i) {
    http::Answer answer = api_.handle(request("GET", "/patroni"), {.deadline = scheduler_.now() + 2s});
    clients.spawn(ask(std::move(*answer.task()), &bodies));
    scheduler_.drain();
  }
  EXPECT_EQ(agent_.observations, 1);
  scheduler_.advance(100ms);
  scheduler_.drain();
  EXPECT_EQ(bodies.size(), 1U);
  EXPECT_EQ(agent_.observations, 2);  // the other nine
  scheduler_.advance(100ms);
  scheduler_.drain();
  ASSERT_EQ(bodies.size(), 10U);
  EXPECT_EQ(agent_.observations, 2);
  EXPECT_EQ(json(bodies.front()).at("xlog", "replayed_location")->as_int(), 1);
  EXPECT_EQ(json(bodies.back()).at("xlog", "replayed_location")->as_int(), 2);
}

TEST_F(RestTest, AServerThatHangsIsNotAskedAtTheClientsPace) {
  agent_.publish(replica_snapshot(scheduler_.now()));
  agent_.observation_time.reset();
  scheduler_.advance(5s);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(code("/health"), 200);  // and checks do not wait for it
    scheduler_.drain();
  }
  EXPECT_EQ(agent_.observations, 1);
  scheduler_.advance(3s);
  EXPECT_EQ(code("/health"), 200);
  scheduler_.drain();
  EXPECT_EQ(agent_.observations, 2);
}

TEST_F(RestTest, AccessLog) {  // API-067
  log::set_level(log::Level::kDebug);
  get("/primary?x=1");
  post("/reload", "");
  ASSERT_EQ(logged().size(), 2U);
  EXPECT_EQ(logged()[0], "DEBUG API thread: 10.9.9.9 - - \"GET /primary?x=1\" 200 - latency: 0.000 ms");
  EXPECT_EQ(logged()[1], "DEBUG API thread: 10.9.9.9 - - \"POST /reload\" 200 - latency: 0.000 ms");
}

TEST_F(RestTest, SecretsAndBodiesAreNotLogged) {  // API-058, CFG-453
  log::set_level(log::Level::kDebug);
  RestOptions options;
  options.username = "admin";
  options.password = "hunter2";
  configure(options);
  http::Request wrong = request("POST", "/reload");
  wrong.headers.add("Authorization", "Basic hunter2");
  send(wrong);
  configure({});
  EXPECT_EQ(send(request("PATCH", "/config", "{\"password\": hunter2")).status, 400);
  bool error = false;
  for (const std::string& line : logged()) {
    EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
    error = error || line.starts_with("ERROR ");
  }
  EXPECT_TRUE(error);
}

TEST_F(RestTest, RefusalsAreCounted) {
  RestOptions options;
  options.username = "u";
  options.password = "p";
  configure(options);
  post("/reload", "");
  get("/");
  const std::string text = get("/metrics").body;
  EXPECT_NE(text.find("matriarch_api_refused_total{scope=\"shop\",name=\"pg1\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("matriarch_api_requests_total{scope=\"shop\",name=\"pg1\"} 3\n"), std::string::npos);
}

}  // namespace
}  // namespace matriarch::rest::testing
