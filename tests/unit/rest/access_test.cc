// rest.md section 3.
#include "http/encoding.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

class AccessTest : public ApiTest {
 protected:
  // POST /reload from there; what it answers.
  std::string reload(std::string peer, std::string authorization = {}) {
    http::Request r = request("POST", "/reload");
    r.peer_address = std::move(peer);
    if (!authorization.empty()) r.headers.add("Authorization", std::move(authorization));
    const http::Response response = send(std::move(r));
    return fmt::format("{} {}", response.status, response.body);
  }
  static RestOptions with_password() {
    RestOptions options;
    options.username = "admin";
    options.password = "s3cret:x";
    return options;
  }
};

TEST_F(AccessTest, OpenWithoutConfiguration) { EXPECT_EQ(reload("10.9.9.9"), "200 done"); }

TEST_F(AccessTest, Allowlist) {  // API-078 to API-080, API-089
  RestOptions options;
  options.allowlist = {"10.0.0.0/8", "127.0.0.1"};
  configure(options);
  EXPECT_EQ(reload("10.1.0.7"), "200 done");
  EXPECT_EQ(reload("127.0.0.1"), "200 done");
  EXPECT_EQ(reload("::ffff:127.0.0.1"), "200 done");
  EXPECT_EQ(reload("192.168.0.1"), "403 Access is denied");
  EXPECT_EQ(reload("fd00::1"), "403 Access is denied");
  EXPECT_EQ(reload(""), "403 Access is denied");
  EXPECT_EQ(agent_.calls.size(), 3U);
}

TEST_F(AccessTest, AnAllowlistOfNothingUsableDenies) {  // API-362
  RestOptions options;
  options.allowlist = {"no-such-host"};
  configure(options);
  EXPECT_EQ(reload("127.0.0.1"), "403 Access is denied");
}

TEST_F(AccessTest, MembersByAddress) {  // API-079
  RestOptions options;
  options.allowlist_include_members = true;
  configure(options);
  EXPECT_EQ(reload("10.1.0.3"), "200 done");
  EXPECT_EQ(reload("10.1.0.4"), "403 Access is denied");
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  s.cluster_valid_until = scheduler_.now();
  agent_.publish(s);
  EXPECT_EQ(reload("10.1.0.3"), "403 Access is denied");  // without a view nobody is a member
}

TEST_F(AccessTest, MembersByName) {
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  change_view(s, [](ClusterView& view) { view.members[1].data.api_url = "https://node2.example:8008/patroni"; });
  agent_.publish(s);
  names_["node2.example"] = {*parse_ip("10.5.5.5")};
  RestOptions options = with_password();
  options.allowlist_include_members = true;
  configure(options);
  const std::string good = http::basic_authorization({"admin", "s3cret:x"});
  EXPECT_EQ(reload("10.5.5.5", good), "200 done");
  EXPECT_EQ(reload("10.5.5.5"), "401 no auth header received");  // the other checks follow
  EXPECT_EQ(reload("10.5.5.6", good), "403 Access is denied");
  EXPECT_EQ(lookups_, 1);  // strangers cannot make us ask the name server at their pace
  names_.clear();
  scheduler_.advance(11s);
  EXPECT_EQ(reload("10.5.5.5", good), "403 Access is denied");
  EXPECT_EQ(lookups_, 2);
}

TEST_F(AccessTest, FailsafeIgnoresMembers) {  // API-090
  AgentSnapshot s = replica_snapshot(scheduler_.now());
  s.settings.failsafe_mode = true;
  agent_.publish(s);
  RestOptions options;
  options.allowlist_include_members = true;
  configure(options);
  const std::string body = R"({"name": "pg1", "conn_url": "c", "api_url": "a"})";
  EXPECT_EQ(post("/failsafe", body).status, 200);
  options.allowlist = {"10.77.0.0/16"};
  configure(options);
  http::Request r = request("POST", "/failsafe", body);
  r.peer_address = "10.1.0.1";  // a member
  EXPECT_EQ(send(r).status, 403);
  r.peer_address = "10.77.0.1";
  EXPECT_EQ(send(r).status, 200);
}

TEST_F(AccessTest, BasicAuthentication) {  // API-082 to API-086
  configure(with_password());
  EXPECT_EQ(reload("10.9.9.9"), "401 no auth header received");
  for (const std::string& bad :
       {std::string("Basic"), std::string("basic ") + http::base64_encode("admin:s3cret:x"),
        "Basic  " + http::base64_encode("admin:s3cret:x"), "Basic " + http::base64_encode("admin:s3cret:x") + " ",
        "Basic " + http::base64_encode("admin:S3cret:x"), "Basic " + http::base64_encode("admin"),
        std::string("Bearer x"), std::string("Basic ")}) {
    EXPECT_EQ(reload("10.9.9.9", bad), "401 not authenticated") << bad;
  }
  EXPECT_TRUE(agent_.calls.empty());
  EXPECT_EQ(reload("10.9.9.9", http::basic_authorization({"admin", "s3cret:x"})), "200 done");
  const http::Response refused = post("/reload", "");
  EXPECT_EQ(refused.headers.find("WWW-Authenticate"), "Basic realm=\"Patroni\"");
}

TEST_F(AccessTest, ClientCertificate) {  // API-073, API-075, API-081
  for (const auto policy : {http::ClientCertificates::kOptional, http::ClientCertificates::kRequired}) {
    RestOptions options = with_password();
    options.certfile = "/x.pem";
    options.verify_client = policy;
    configure(options);
    http::Request r = request("POST", "/reload");
    r.tls = true;
    const http::Response refused = send(r);
    EXPECT_EQ(refused.body, "client certificate required");
    EXPECT_EQ(refused.status, 403);
    EXPECT_FALSE(refused.headers.has("WWW-Authenticate"));
    r.client_certificate = true;
    EXPECT_EQ(send(r).body, "no auth header received");
    options.certfile.clear();  // no effect without TLS
    configure(options);
    EXPECT_EQ(reload("10.9.9.9"), "401 no auth header received");
  }
}

TEST_F(AccessTest, TheFirstFailureAnswers) {  // API-077
  RestOptions options = with_password();
  options.certfile = "/x.pem";
  options.verify_client = http::ClientCertificates::kRequired;
  options.allowlist = {"10.0.0.0/8"};
  configure(options);
  EXPECT_EQ(reload("11.0.0.1"), "403 Access is denied");
  EXPECT_EQ(reload("10.0.0.1"), "403 client certificate required");
}

TEST_F(AccessTest, EveryEndpointThatChangesSomethingIsProtected) {  // API-092, API-356
  RestOptions options = with_password();
  configure(options);
  AgentSnapshot s = primary_snapshot(scheduler_.now());
  agent_.publish(s);
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"PUT", "/config"}, {"PATCH", "/config"}, {"POST", "/reload"}, {"POST", "/failsafe"}, {"POST", "/sigterm"},
           {"POST", "/restart"}, {"DELETE", "/restart"}, {"DELETE", "/switchover"}, {"POST", "/reinitialize"},
           {"POST", "/failover"}, {"POST", "/switchover"}, {"POST", "/citus"}, {"POST", "/mpp"}}) {
    for (const std::string& body : {std::string(), std::string("{"), std::string(R"({"a": 1})")}) {
      const auto gate = api_.gate(request(method, path, body));  // before the body is read
      ASSERT_TRUE(gate.has_value()) << method << path;
      EXPECT_EQ(gate->status, 401) << method << path;
      // and the handler does not rely on the gate
      EXPECT_EQ(finish(scheduler_, api_.handle(request(method, path, body), Ctx{})).status, 401) << method << path;
    }
  }
  EXPECT_TRUE(agent_.calls.empty());
}

TEST_F(AccessTest, ReadingIsNever) {  // API-076, API-093
  RestOptions options = with_password();
  options.allowlist = {"127.0.0.1"};
  configure(options);
  for (const auto* path : {"/", "/patroni", "/cluster", "/config", "/metrics", "/history", "/explain"}) {
    EXPECT_EQ(get(path).status, 200) << path;
  }
  EXPECT_EQ(send(request("HEAD", "/primary")).status, 200);
  EXPECT_EQ(send(request("OPTIONS", "/")).status, 200);
  EXPECT_EQ(send(request("DELETE", "/config")).status, 501);
}

TEST(LoadAllowlist, ResolvesAndLeavesOutWhatIsWrong) {  // API-087
  ManualScheduler scheduler;
  const auto resolve = [](std::string host, Ctx) -> Task<Result<std::vector<IpAddress>>> {
    if (host == "db.example") co_return std::vector<IpAddress>{*parse_ip("10.2.0.1"), *parse_ip("fd00::7")};
    co_return Error(Errc::kNotFound, "unknown");
  };
  const Allowlist list =
      finish(scheduler, load_allowlist({"10.0.0.0/33", "db.example", "nowhere", "", "a/b", "127.0.0.1"}, resolve, Ctx{}));
  EXPECT_TRUE(list.active);
  ASSERT_EQ(list.networks.size(), 3U);
  EXPECT_TRUE(list.networks[0].contains(*parse_ip("10.2.0.1")));
  EXPECT_TRUE(list.networks[1].contains(*parse_ip("fd00::7")));
  EXPECT_FALSE(list.networks[1].contains(*parse_ip("fd00::8")));
  EXPECT_TRUE(list.networks[2].contains(*parse_ip("127.0.0.1")));
  EXPECT_FALSE(finish(scheduler, load_allowlist({}, resolve, Ctx{})).active);
}

}  // namespace
}  // namespace matriarch::rest::testing
