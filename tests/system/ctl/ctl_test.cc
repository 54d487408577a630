// The real binary against a real etcd; and the same keys as the distribution's patronictl reads them.
#include <filesystem>
#include <fstream>

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "model/value.h"
#include "tests/system/ctl/fixture.h"

namespace matriarch::system_test {
namespace {

std::string member(int number, const std::string& more) {
  return fmt::format(R"({{"conn_url":"postgres://10.1.0.{0}:5432/postgres","api_url":"http://127.0.0.1:{1}/patroni",)"
                     R"("state":"running","version":"4.1.4",{2}}})", number, kRestPort, more);
}

void make_cluster() {
  etcd()->clear();
  const std::string base = "/service/shop/";
  etcd()->put(base + "initialize", "7300000000000000001");
  etcd()->put(base + "leader", "pg1");
  etcd()->put(base + "status", R"({"optime":150995272})");
  etcd()->put(base + "config", R"({"ttl":30,"loop_wait":10,"retry_timeout":10,"synchronous_mode":true,"postgresql":)"
                             R"({"use_pg_rewind":true,"parameters":{"wal_keep_size":"64MB","archive_mode":"on"},)"
                             R"("pg_hba":["host all all 0.0.0.0/0 md5","local all all trust"]},"slots":{"a":{"type":"physical"}}})");
  etcd()->put(base + "sync", R"({"leader":"pg1","quorum":0,"sync_standby":"pg2"})");
  etcd()->put(base + "history", R"([[1,25623960,"no recovery target specified","2026-03-01T10:00:05.120000+00:00","pg2"],)"
                              R"([2,83886496,"no recovery target specified","2026-03-02T08:15:30+00:00"],[3,83886500,"x"]])");
  etcd()->put(base + "members/pg1", member(1, R"("role":"primary","xlog_location":150995272,"timeline":3)"));
  etcd()->put(base + "members/pg2",
            member(2, R"("role":"replica","xlog_location":150995272,"receive_lsn":150995272,"replay_lsn":150995040,)"
                      R"("timeline":3,"tags":{"clonefrom":true,"zone":"a"},"pending_restart":true)"));
  etcd()->put(base + "members/pg3", member(3, R"("role":"replica","xlog_location":100663296,"receive_lsn":100663296,)"
                                            R"("replay_lsn":100663296,"timeline":3,"tags":{"replicatefrom":"pg2"},)"
                                            R"("scheduled_restart":{"schedule":"2030-01-01T02:00:00+00:00"})"));
}

Output ctl(std::vector<std::string> arguments, std::string input = {}, std::map<std::string, std::string> more = {}) {
  more.merge(client_environment());  // what the caller gives wins
  arguments.insert(arguments.begin(), MATRIARCHCTL);
  return run(std::move(arguments), std::move(more), std::move(input));
}

Output peer(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "/usr/bin/patronictl");
  return run(std::move(arguments), client_environment());
}

bool have_peer() { return std::filesystem::exists("/usr/bin/patronictl"); }

TEST(Ctl, ListsARealCluster) {
  make_cluster();
  const Output listed = ctl({"list", "shop"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_TRUE(listed.out.starts_with("+ Cluster: shop (7300000000000000001) ")) << listed.out;
  EXPECT_NE(listed.out.find("| pg2    | 10.1.0.2 | Sync Standby | running |  3 |   0/9000148 |   0 |  0/9000060 |   0 |"),
            std::string::npos) << listed.out;
  EXPECT_EQ(listed.err, "");
  EXPECT_EQ(ctl({"-d", fmt::format("etcd3://127.0.0.1:{}/service", kEtcdPort), "list", "shop"}).out, listed.out);
  EXPECT_NE(ctl({"-d", fmt::format("etcd3://127.0.0.1:{}/elsewhere", kEtcdPort), "list", "shop"}).out.find("uninitialized"),
            std::string::npos);
}

// Columns that this old version of the peer has as well. It shows one lag in MB and no replication states.
TEST(Ctl, ListsWhatThePeerLists) {
  if (!have_peer()) GTEST_SKIP() << "no patronictl here";
  make_cluster();
  const auto ours = parse_json(ctl({"list", "shop", "-f", "json"}).out);
  const auto theirs = parse_json(peer({"list", "shop", "-f", "json"}).out);
  ASSERT_TRUE(ours && theirs);
  ASSERT_EQ(ours->as_list().size(), 3u);
  ASSERT_EQ(theirs->as_list().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    for (const char* key : {"Cluster", "Member", "Host", "Role", "State", "TL", "Tags", "Pending restart", "Scheduled restart"}) {
      const Value* a = ours->as_list()[i].find(key);
      const Value* b = theirs->as_list()[i].find(key);
      ASSERT_EQ(a == nullptr, b == nullptr) << key << " of member " << i;
      if (a != nullptr) EXPECT_EQ(to_json(*a), to_json(*b)) << key;
    }
  }
}

// CTL-236..240, CTL-075, CTL-243: byte by byte
TEST(Ctl, PrintsWhatThePeerPrints) {
  if (!have_peer()) GTEST_SKIP() << "no patronictl here";
  make_cluster();
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"history", "shop"}, {"history", "shop", "-f", "json"}, {"history", "shop", "-f", "yaml"},
           {"history", "shop", "-f", "tsv"}, {"show-config", "shop"}, {"dsn", "shop"}, {"dsn", "shop", "-r", "replica"},
           {"edit-config", "shop", "-s", "ttl=20", "-p", "max_connections=150", "-p", "shared_preload_libraries=a,b",
            "-s", "standby_cluster.host=null", "--force"}}) {
    const bool writes = command[0] == "edit-config";
    const Output theirs = peer(command);
    const std::string stored = etcd()->get("/service/shop/config");
    if (writes) make_cluster();
    const Output ours = ctl(command);
    EXPECT_EQ(ours.out, theirs.out) << command[0];
    EXPECT_EQ(ours.code, theirs.code) << command[0] << ours.err;
    EXPECT_EQ(parse_json(etcd()->get("/service/shop/config")).value_or(Value()), parse_json(stored).value_or(Value()));
  }
}

// CTL-045, CTL-235, CTL-260..266
TEST(Ctl, WritesOnlyWhatItShould) {
  make_cluster();
  EXPECT_EQ(ctl({"edit-config", "shop", "--force", "-s", "ttl=21"}).code, 0);
  EXPECT_EQ(parse_json(etcd()->get("/service/shop/config"))->find("ttl")->as_int(), 21);
  EXPECT_EQ(etcd()->get("/service/shop/members/shop"), "");  // no key of its own

  const Output removed = ctl({"remove", "shop"}, "shop\nYes I am aware\npg1\n");
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(etcd()->get("/service/shop/leader"), "");
}

// CTL-050, CTL-051, CTL-309, decision 1
TEST(Ctl, CallsTheRestApi) {
  make_cluster();
  Members members;
  members.answer("POST /restart", 200, "restarted successfully");
  members.answer("PATCH /config", 200, "{}");
  members.answer("POST /switchover", 412, "leader name does not match");
  const std::map<std::string, std::string> auth = {{"PATRONI_RESTAPI_USERNAME", "u"}, {"PATRONI_RESTAPI_PASSWORD", "p"}};
  const Output restarted = ctl({"restart", "shop", "pg2", "--force"}, {}, auth);
  EXPECT_EQ(restarted.code, 0) << restarted.err;
  EXPECT_TRUE(restarted.out.ends_with("Success: restart on member pg2\n")) << restarted.out;
  EXPECT_EQ(members.requests(), std::vector<std::string>{"POST /restart {} Basic dTpw"});
  EXPECT_EQ(ctl({"pause", "shop"}).out, "Success: cluster management is paused\n");
  EXPECT_EQ(members.requests(), std::vector<std::string>{R"(PATCH /config {"pause":true})"});

  const Output refused = ctl({"switchover", "shop", "--force"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.out.find("Switchover failed, details: 412, leader name does not match\n"), std::string::npos);
  const std::string other_name = std::filesystem::path(MATRIARCHCTL).parent_path() / "patronictl";
  EXPECT_EQ(run({other_name, "switchover", "shop", "--force"}, client_environment()).code, 0);  // CTL-315
}

// CTL-052: a refused connection is tried three times more, and each is logged
TEST(Ctl, TriesARefusedConnectionAgain) {
  make_cluster();
  const Output asked = ctl({"version", "shop", "pg1"});
  EXPECT_EQ(asked.code, 0);
  EXPECT_NE(asked.out.find("\npg1: failed to get version: "), std::string::npos) << asked.out;
  EXPECT_EQ(std::ranges::count(asked.err, '\n'), 3) << asked.err;
  EXPECT_NE(asked.err.find(" - WARNING - Retrying "), std::string::npos) << asked.err;  // CTL-017
  EXPECT_EQ(ctl({"version", "shop", "pg1"}, {}, {{"LOGLEVEL", "ERROR"}}).err, "");       // CTL-016
}

// CTL-053, CTL-054, CTL-305, CTL-011
TEST(Ctl, SpeaksTls) {
  const std::string cert = ::testing::TempDir() + "/ctl-test.crt";
  const std::string key = ::testing::TempDir() + "/ctl-test.key";
  const Output made = run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
                           "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"});
  ASSERT_EQ(made.code, 0) << made.err;
  make_cluster();
  const auto with_host = [](const std::string& host) {
    etcd()->put("/service/shop/members/pg1", fmt::format(R"({{"api_url":"https://{}:{}/patroni"}})", host, kRestPort));
  };
  Members members({{.cert_file = cert, .key_file = key, .ca_file = cert,
                    .verify_client = http::ClientCertificates::kRequired}});
  members.answer("GET /patroni", 200, R"({"patroni":{"version":"4.1.4"}})");
  const auto works = [](std::map<std::string, std::string> environment, std::vector<std::string> options = {}) {
    options.insert(options.end(), {"version", "shop", "pg1"});
    return ctl(options, {}, std::move(environment)).out.find("\npg1: Patroni 4.1.4\n") != std::string::npos;
  };
  const std::map<std::string, std::string> own = {{"PATRONI_CTL_CERTFILE", cert}, {"PATRONI_CTL_KEYFILE", key}};
  auto trusting = own;
  trusting["PATRONI_RESTAPI_CAFILE"] = cert;  // CTL-036
  auto insecure = own;
  insecure["PATRONI_CTL_INSECURE"] = "on";
  auto insecure_trusting = trusting;
  insecure_trusting["PATRONI_CTL_INSECURE"] = "on";

  with_host("localhost");
  EXPECT_TRUE(works(trusting));
  EXPECT_FALSE(works(own));                               // the system's authorities do not know it
  EXPECT_FALSE(works({{"PATRONI_CTL_CACERT", cert}}));    // no client certificate
  EXPECT_FALSE(works(insecure));                          // with a client certificate the chain is verified all the same
  with_host("127.0.0.1");
  EXPECT_FALSE(works(trusting));                          // not the name in the certificate
  EXPECT_TRUE(works(insecure_trusting));
  EXPECT_TRUE(works(trusting, {"-k"}));
}

// CTL-045, CTL-046: the whole cost of a list is one linearizable range
TEST(Ctl, ListAsksTheStoreOnce) {
  Members store;  // plays etcd
  store.answer("POST /v3/kv/range", 200, R"({"header":{"cluster_id":"1","member_id":"2","revision":"3","raft_term":"4"}})");
  const Output listed = ctl({"-d", fmt::format("etcd3://127.0.0.1:{}", kRestPort), "list", "shop"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  const auto requests = store.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_TRUE(requests[0].starts_with("POST /v3/kv/range {")) << requests[0];
  EXPECT_EQ(requests[0].find("\"serializable\":true"), std::string::npos) << requests[0];
}

// CTL-048
TEST(Ctl, GivesUpOnASilentStore) {
  const std::string file = ::testing::TempDir() + "/ctl-silent.yml";
  std::ofstream(file) << "etcd3: {host: '127.0.0.1:23949'}\nretry_timeout: 2\n";
  const Reactor clock;
  const Instant began = clock.now();
  const Output listed = ctl({"-c", file, "list", "shop"}, {}, {{"PATRONI_ETCD3_HOST", ""}});
  EXPECT_EQ(listed.code, 1);
  EXPECT_TRUE(listed.err.starts_with("Error: ")) << listed.err;
  EXPECT_EQ(listed.out, "");
  EXPECT_LT(clock.now() - began, std::chrono::seconds(10));
}

// CTL-014, CTL-021, CTL-037, CTL-282
TEST(Ctl, ExitCodes) {
  EXPECT_EQ(ctl({"nonsense"}).code, 2);
  EXPECT_EQ(ctl({"version"}).code, 0);
  EXPECT_EQ(ctl({"-c", "/nowhere/at.all", "list", "x"}).code, 1);
  const Output none = run({MATRIARCHCTL, "list", "x"}, {{"HOME", "/nonexistent"}, {"XDG_CONFIG_HOME", "/nonexistent"}});
  EXPECT_EQ(none.code, 1);
  EXPECT_TRUE(none.err.starts_with("Error: Can not find suitable configuration of distributed configuration store\n"
                                   "Available implementations: ")) << none.err;
  EXPECT_EQ(ctl({"switchover", "shop"}, "").err, "Aborted!\n");
}

// A terminal of our own, to see prompts as a person does.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> arguments) {
    int slave = -1;
    EXPECT_EQ(openpty(&master_, &slave, nullptr, nullptr, nullptr), 0);
    arguments.insert(arguments.begin(), MATRIARCHCTL);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {0, 1, 2}) posix_spawn_file_actions_adddup2(&actions, slave, fd);
    posix_spawn_file_actions_addclose(&actions, master_);
    std::vector<std::string> variables;
    for (const auto& [name, value] : client_environment()) variables.push_back(name + "=" + value);
    variables.emplace_back("PATH=/usr/bin:/bin");
    variables.emplace_back("PAGER=cat");
    std::vector<char*> environment;
    for (auto& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environment.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(slave);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { close(master_); }

  // Reads until `text` was written, at most 20 s.
  bool expect(const std::string& text) {
    for (;;) {
      if (const auto at = seen_.find(text); at != std::string::npos) {
        seen_.erase(0, at + text.size());
        return true;
      }
      pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
      std::array<char, 4096> buffer{};
      if (poll(&ready, 1, 20000) <= 0) return false;
      const ssize_t got = read(master_, buffer.data(), buffer.size());
      if (got <= 0) return false;
      seen_.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  void type(const std::string& text) { EXPECT_EQ(write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size())); }
  void interrupt() { kill(pid_, SIGINT); }
  int exit_code() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  [[nodiscard]] const std::string& seen() const { return seen_; }

 private:
  int master_ = -1;
  pid_t pid_ = 0;
  std::string seen_;
};

// CTL-018, CTL-027, CTL-120..137
TEST(CtlTerminal, Switchover) {
  make_cluster();
  Members members;
  members.answer("POST /switchover", 200, "Successfully switched over to \"pg2\"");
  Terminal terminal({"switchover", "shop"});
  ASSERT_TRUE(terminal.expect("Primary [pg1]: ")) << terminal.seen();
  terminal.type("\n");
  ASSERT_TRUE(terminal.expect("Candidate ['pg2', 'pg3'] []: ")) << terminal.seen();
  terminal.type("pg2\n");
  ASSERT_TRUE(terminal.expect(" )  [now]: ")) << terminal.seen();
  terminal.type("\n");
  ASSERT_TRUE(terminal.expect("demoting current leader pg1? [y/N]: ")) << terminal.seen();
  terminal.type("y\n");
  ASSERT_TRUE(terminal.expect("Successfully switched over to \"pg2\"")) << terminal.seen();
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(members.requests(), std::vector<std::string>{R"(POST /switchover {"candidate":"pg2","leader":"pg1"})"});
}

// CTL-020, CTL-082: Ctrl-C while watching; the screen is cleared on a terminal
TEST(CtlTerminal, WatchingEndsWithCtrlC) {
  make_cluster();
  Terminal terminal({"list", "shop", "-w", "0.1"});
  ASSERT_TRUE(terminal.expect("\x1b[2J\x1b[1;1H+ Cluster: shop")) << terminal.seen();
  ASSERT_TRUE(terminal.expect("\x1b[2J\x1b[1;1H+ Cluster: shop")) << terminal.seen();
  terminal.interrupt();
  EXPECT_TRUE(terminal.expect("Aborted!"));
  EXPECT_EQ(terminal.exit_code(), 1);
}

// CTL-230, CTL-231
TEST(CtlTerminal, EditConfigColoursItsDiff) {
  make_cluster();
  Terminal terminal({"edit-config", "shop", "-s", "ttl=25"});
  ASSERT_TRUE(terminal.expect("\x1b[32m+ttl: ")) << terminal.seen();
  ASSERT_TRUE(terminal.expect("Apply these changes? [y/N]: ")) << terminal.seen();
  terminal.type("y\n");
  ASSERT_TRUE(terminal.expect("Configuration changed")) << terminal.seen();
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(parse_json(etcd()->get("/service/shop/config"))->find("ttl")->as_int(), 25);
}

}  // namespace
}  // namespace matriarch::system_test
