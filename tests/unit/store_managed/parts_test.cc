// The parts: documents, configuration of etcd, the folder, finding a process again, snapshots.
#include <csignal>
#include <fstream>
#include <future>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/reactor.h"
#include "store/managed_etcd/admin.h"
#include "store/managed_etcd/disk.h"
#include "store/managed_etcd/home.h"
#include "store/managed_etcd/process.h"

namespace matriarch::managed_etcd {
namespace {

namespace fs = std::filesystem;

class ManagedHome : public ::testing::Test {
 protected:
  ManagedHome() {
    std::string name = "/tmp/matriarch-home.XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.scope = "demo";
    options_.name = "node 1=x";
    options_.home = folder_ / "etcd";
    options_.client_address = {.host = "10.0.0.1", .port = 2379};
    options_.peer_address = {.host = "db1.example", .port = 2380};
  }
  ~ManagedHome() override { fs::remove_all(folder_); }

  fs::path folder_;
  ManagedOptions options_;
};

// docs/managed-etcd.md, "frozen disk"
TEST(DiskThread, WhenTheDiskHangsNothingElseWaits) {
  Reactor reactor;
  std::promise<void> thaws;
  constexpr auto body = [](Reactor* r, std::shared_future<void> thawed) -> Task<void> {
    Disk disk(*r);
    const auto hangs = [thawed] {
      thawed.wait();
      return 1;
    };
    const auto soon = [r] { return Ctx{.deadline = r->now() + std::chrono::milliseconds(5)}; };
    EXPECT_EQ(*co_await disk.run(Ctx{}, [] { return 42; }), 42);
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
      const auto result = co_await disk.run(soon(), hangs);
      EXPECT_FALSE(result);
      refused += static_cast<int>(result.error().code() == Errc::kUnavailable);
    }
    EXPECT_GT(refused, 0) << "what waits is bounded";
    EXPECT_EQ(*co_await r->run_blocking(Ctx{}, [] { return 43; }), 43) << "the reactor's own threads are free";
  };  // and its end does not wait for the disk either
  reactor.run_until_done(body(&reactor, thaws.get_future().share()));
  thaws.set_value();
}

TEST(Report, SurvivesTheWire) {
  Report report{.scope = "demo",
                .name = "n",
                .instance = "i",
                .state = DataState::kMember,
                .alone = true,
                .lost = true,
                .partners = {"a:1", "b:2"}};
  report.vote = make_vote("demo", report.partners, {{.name = "b", .peer_url = "u2"}, {.name = "a", .peer_url = "u1"}});
  EXPECT_EQ(report.vote.members.front().name, "a");
  report.peer_url = "http://n:2380";
  report.cluster_id = "18446744073709551615";
  report.pid = 7;
  const auto read = parse_report(to_json(to_value(report)));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(to_value(*read), to_value(report));
  EXPECT_EQ(read->vote, report.vote);
  for (const char* bad :
       {"", "[]", "{}", "{\"scope\":\"a\",\"name\":\"b\",\"instance\":\"c\",\"state\":\"x\"}", "{\"scope\":1}"}) {
    EXPECT_FALSE(parse_report(bad)) << bad;
  }
}

TEST(Report, TheTokenNamesExactlyThese) {
  const auto token = [](const char* scope, std::vector<std::string> partners, std::vector<Candidate> members) {
    return make_vote(scope, partners, std::move(members)).token;
  };
  const std::string one = token("s", {"a:1"}, {{"a", "u"}});
  EXPECT_EQ(one, token("s", {"a:1"}, {{"a", "u"}}));
  EXPECT_NE(one, token("t", {"a:1"}, {{"a", "u"}}));
  EXPECT_NE(one, token("s", {"a:2"}, {{"a", "u"}}));
  EXPECT_NE(one, token("s", {"a:1"}, {{"a", "v"}}));
  EXPECT_NE(one, token("s", {"a:1"}, {{"a", "u"}, {"b", "v"}}));
}

TEST_F(ManagedHome, ConfigurationOfEtcd) {
  const Home home(options_.home);
  const Beginning beginning{
      .initial = {{.name = "node 1=x", .peer_url = "http://db1.example:2380"}, {.name = "b", .peer_url = "http://b:1"}},
      .token = "t"};
  const std::string text = config_text(options_, home, beginning);
  const auto has = [&text](std::string_view line) { return text.find(line) != std::string::npos; };
  EXPECT_TRUE(has("name: \"node%201%3Dx\"\n")) << text;  // what etcd's lists cannot hold is encoded
  EXPECT_TRUE(has("initial-cluster: \"node%201%3Dx=http://db1.example:2380,b=http://b:1\"\n")) << text;
  EXPECT_TRUE(has("initial-cluster-state: new\n")) << text;
  EXPECT_TRUE(has("listen-client-urls: \"http://10.0.0.1:2379\"\n")) << text;
  EXPECT_TRUE(has("listen-peer-urls: \"http://0.0.0.0:2380\"\n")) << text;  // etcd binds to addresses only
  EXPECT_TRUE(has("initial-advertise-peer-urls: \"http://db1.example:2380\"\n")) << text;
  EXPECT_TRUE(has("heartbeat-interval: 50\n")) << text;
  EXPECT_TRUE(has("election-timeout: 300\n")) << text;
  EXPECT_FALSE(has("trusted-ca-file")) << text;
  EXPECT_EQ(config_text(options_, home, {}).find("initial-cluster"), std::string::npos);
  options_.https = true;
  options_.cert = "/c";
  const std::string tls = config_text(options_, home, {});
  EXPECT_NE(tls.find("cert-file: \"/c\""), std::string::npos);
  EXPECT_NE(tls.find("https://10.0.0.1:2379"), std::string::npos);
  EXPECT_EQ(node_name(etcd_name("node 1=x")), "node 1=x");
}

TEST_F(ManagedHome, RemembersWhoItIs) {
  const Home home(options_.home);
  ASSERT_TRUE(home.prepare());
  EXPECT_EQ(fs::status(options_.home).permissions(), fs::perms::owner_all);
  auto first = home.read_identity();
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->instance.empty());
  first->vote = make_vote("s", {"a:1"}, {{.name = "a", .peer_url = "u"}});
  first->has_run = true;
  first->member_id = "12";
  ASSERT_TRUE(home.write_identity(*first));
  const auto again = home.read_identity();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->instance, first->instance);
  EXPECT_EQ(again->vote, first->vote);
  EXPECT_TRUE(again->has_run);
  EXPECT_EQ(again->member_id, "12");
  std::ofstream(options_.home / "identity.json") << "{";
  const auto damaged = home.read_identity();
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().text().find("identity.json"), std::string::npos);
}

TEST_F(ManagedHome, DataAndLog) {
  const Home home(options_.home);
  ASSERT_TRUE(home.prepare());
  EXPECT_FALSE(home.has_data());
  fs::create_directories(home.data() / "member" / "wal");
  EXPECT_FALSE(home.has_data());
  std::ofstream(home.data() / "member" / "wal" / "0.wal") << "x";
  EXPECT_TRUE(home.has_data());
  ASSERT_TRUE(home.set_data_aside());
  EXPECT_FALSE(home.has_data());
  EXPECT_TRUE(fs::exists(options_.home / "data.removed" / "member"));

  std::ofstream log(home.log_file(), std::ios::app);
  log << std::string(100, 'a') << "\nend\n" << std::flush;
  EXPECT_EQ(home.log_tail(6), "a\nend");
  home.bound_log(1000);
  EXPECT_EQ(fs::file_size(home.log_file()), 105u);
  home.bound_log(50);
  EXPECT_EQ(fs::file_size(home.log_file()), 0u);
  EXPECT_EQ(fs::file_size(home.log_file().string() + ".1"), 105u);

  const std::vector<http::HostPort> endpoints = {{.host = "a", .port = 1}, {.host = "::1", .port = 2}};
  home.write_endpoints(endpoints);
  EXPECT_EQ(home.read_endpoints(), endpoints);
}

TEST_F(ManagedHome, ItsProcessIsFoundAgainAndNoOther) {
  const Home home(options_.home);
  ASSERT_TRUE(home.prepare());
  EXPECT_FALSE(EtcdProcess::find(home));
  const fs::path script = folder_ / "stand-in";
  std::ofstream(script) << "#!/bin/sh\nread forever < " << (folder_ / "fifo").string() << "\n";
  chmod(script.c_str(), 0700);
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  auto started = EtcdProcess::start(home, script.string());
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_NE(getsid(started->pid()), getsid(0));  // it outlives us

  auto found = EtcdProcess::find(home);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid(), started->pid());
  fs::remove(home.pid_file());  // the agent was killed before it could write it
  found = EtcdProcess::find(home);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid(), started->pid());
  EXPECT_TRUE(fs::exists(home.pid_file()));

  // The number alone says nothing: another start time, another boot, another program, another folder.
  const std::string good = read_file(home.pid_file()).value_or("");
  const auto mark = parse_mark(good);
  ASSERT_TRUE(mark);
  EXPECT_FALSE(EtcdProcess::find(Home(folder_ / "other")));
  Reactor reactor;
  reactor.run_until_done([](Reactor* r, EtcdProcess* p) -> Task<void> {
    co_await p->stop(*r, std::chrono::seconds(5));
  }(&reactor, &*started));
  EXPECT_FALSE(EtcdProcess::find(home));
  ProcessMark wrong = *mark;
  wrong.pid = getpid();
  ASSERT_TRUE(write_file_atomically(home.pid_file(), to_json(to_value(wrong))));
  EXPECT_FALSE(EtcdProcess::find(home));
  for (const char* bad :
       {"", "5", "{}", "{\"pid\":1}", "{\"pid\":-5,\"start_ticks\":1,\"boot_id\":\"\",\"executable\":\"\"}"}) {
    EXPECT_FALSE(parse_mark(bad)) << bad;
  }
}

TEST(Snapshot, KeepsWhatDoesNotGoByItself) {
  Contents contents{.revision = 5};
  contents.keys = {{.key = "/service/demo/config", .value = "{\"ttl\":3}"},
                   {.key = "/service/demo/leader", .value = "node1", .leased = true},
                   {.key = "bin\xff", .value = std::string("\0\xfe", 2)}};
  const std::string text = snapshot_text(contents, "demo", "2026-01-01");
  const auto read = parse_snapshot(text);
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].key, "/service/demo/config");
  EXPECT_EQ((*read)[0].value, "{\"ttl\":3}");
  EXPECT_EQ((*read)[1].key, "bin\xff");
  EXPECT_EQ((*read)[1].value, std::string("\0\xfe", 2));
  std::string damaged = text;
  damaged.replace(damaged.find("ttl"), 3, "tti");
  EXPECT_FALSE(parse_snapshot(damaged));
  EXPECT_FALSE(parse_snapshot("{}"));
  EXPECT_FALSE(parse_snapshot("not json"));
}

}  // namespace
}  // namespace matriarch::managed_etcd
