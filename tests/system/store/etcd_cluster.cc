#include "tests/system/store/etcd_cluster.h"

#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/wait.h"
#include "http/encoding.h"
#include "model/value.h"
#include "store/etcd3/documents.h"
#include "store/etcd3/wire.h"

namespace matriarch::test {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Ports 23790 to 23899; each cluster takes the next ones.
int next_port() {
  static int used = 0;
  return 23790 + used++ % 110;
}

fs::path new_folder() {
  static int count = 0;
  const fs::path base = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
  const fs::path folder = base / fmt::format("matriarch-test-store-{}-{}", ::getpid(), count++);
  fs::create_directories(folder);
  return folder;
}

void run_and_expect_success(Reactor& reactor, std::vector<std::string> argv) {
  constexpr auto body = [](Reactor* r, std::vector<std::string> words) -> Task<void> {
    const std::string program = words[0];
    const auto result = co_await run_program(*r, {.argv = std::move(words)}, {}, Ctx{.deadline = r->now() + 20s});
    EXPECT_TRUE(result.ok() && result->status.success())
        << program << (result.ok() ? result->err : result.error().text());
  };
  reactor.run_until_done(body(&reactor, std::move(argv)));
}

}  // namespace

namespace {

// SIGSTOP takes effect when the threads get to run: on a busy machine that takes a while.
bool is_stopped(pid_t pid) {
  std::error_code gone;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    const std::string stat = read_file(task.path() / "stat").value_or("");
    const auto state = stat.rfind(") ");  // after the command's name
    if (state == stat.npos || stat.size() < state + 3 || stat[state + 2] != 'T') return false;
  }
  return true;
}

}  // namespace

bool eventually(Reactor& reactor, Duration patience, std::function<bool()> condition) {
  const Instant end = reactor.now() + patience;
  while (!condition()) {
    if (reactor.now() >= end) return false;
    constexpr auto nap = [](Reactor* r) -> Task<void> { (void)co_await sleep_until(*r, r->now() + 20ms, Ctx{}); };
    reactor.run_until_done(nap(&reactor));
  }
  return true;
}

EtcdCluster::EtcdCluster(Reactor& reactor, EtcdClusterOptions options)
    : reactor_(reactor),
      options_(std::move(options)),
      folder_(new_folder()),
      members_(static_cast<std::size_t>(options_.members)) {
  http::ClientOptions client;
  if (options_.tls) {
    make_certificates();
    auto tls = http::TlsContext::for_client(
        {.ca = certificate("ca"), .cert_file = certificate("client"), .key_file = certificate("client-key")});
    EXPECT_TRUE(tls.ok()) << tls.error().text();
    client.tls = tls.value_or(nullptr);
  }
  client_ = std::make_unique<http::Client>(reactor_, client);
  for (Member& member : members_) {
    member.client_port = next_port();
    member.peer_port = next_port();
  }
  for (int i = 0; i < size(); ++i) start(i);
  wait_until_healthy();
}

EtcdCluster::~EtcdCluster() {
  for (int i = 0; i < size(); ++i) kill(i);
  std::error_code ignored;  // a folder left in /dev/shm is no failure of the test
  fs::remove_all(folder_, ignored);
}

std::string EtcdCluster::url(int port, bool client) const {
  return fmt::format("{}://127.0.0.1:{}", client && options_.tls ? "https" : "http", port);
}

http::HostPort EtcdCluster::address(int member) const {
  return {"127.0.0.1", static_cast<std::uint16_t>(members_[static_cast<std::size_t>(member)].client_port)};
}

void EtcdCluster::start(int index) {
  Member& member = members_[static_cast<std::size_t>(index)];
  std::string all;
  for (int i = 0; i < size(); ++i) {
    all += fmt::format("{}m{}={}", i > 0 ? "," : "", i, url(members_[static_cast<std::size_t>(i)].peer_port, false));
  }
  SpawnOptions options;
  options.argv = {"setpriv",
                  "--pdeathsig",
                  "KILL",
                  "etcd",
                  "--name",
                  fmt::format("m{}", index),
                  "--data-dir",
                  folder_ / fmt::format("m{}", index),
                  "--listen-client-urls",
                  url(member.client_port, true),
                  "--advertise-client-urls",
                  url(member.client_port, true),
                  "--listen-peer-urls",
                  url(member.peer_port, false),
                  "--initial-advertise-peer-urls",
                  url(member.peer_port, false),
                  "--initial-cluster",
                  all,
                  "--initial-cluster-state",
                  "new",
                  "--log-level",
                  "error",
                  "--heartbeat-interval",
                  "50",
                  "--election-timeout",
                  "500",
                  "--max-request-bytes",
                  "8388608"};
  if (options_.tls) {
    options.argv.insert(options.argv.end(),
                        {"--cert-file", certificate("server"), "--key-file", certificate("server-key"),
                         "--trusted-ca-file", certificate("ca"), "--client-cert-auth"});
  }
  options.argv.insert(options.argv.end(), options_.extra_arguments.begin(), options_.extra_arguments.end());
  const UniqueFd log(
      ::open((folder_ / fmt::format("m{}.log", index)).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  options.stdout_fd = log.get();
  options.stderr_fd = log.get();
  auto process = spawn(options);
  EXPECT_TRUE(process.ok()) << process.error().text();
  if (process.ok()) member.process.emplace(*std::move(process));
  member.suspended = false;
}

void EtcdCluster::wait_until_healthy() {
  const bool healthy = eventually(reactor_, 20s, [this] {
    int answering = 0;
    for (int i = 0; i < size(); ++i) {
      const auto& member = members_[static_cast<std::size_t>(i)];
      if (!member.process || member.suspended) continue;
      Value::Map range = etcd3::range_of_key("health");
      if (call(i, "/kv/range", std::move(range)).find("header") != nullptr) ++answering;
    }
    return answering > size() / 2;
  });
  EXPECT_TRUE(healthy) << "etcd does not become healthy; see " << folder_;
}

void EtcdCluster::kill(int index) {
  Member& member = members_[static_cast<std::size_t>(index)];
  if (!member.process) return;
  EXPECT_TRUE(member.process->kill(SIGKILL).ok());
  constexpr auto reap = [](Reactor* r, ChildProcess* p) -> Task<void> {
    EXPECT_TRUE((co_await p->wait(*r, Ctx{.deadline = r->now() + 10s})).ok());
  };
  reactor_.run_until_done(reap(&reactor_, &*member.process));
  member.process.reset();
}

void EtcdCluster::suspend(int index) {
  Member& member = members_[static_cast<std::size_t>(index)];
  EXPECT_TRUE(member.process->kill(SIGSTOP).ok());
  EXPECT_TRUE(eventually(reactor_, 5s, [pid = member.process->pid()] { return is_stopped(pid); }));
  member.suspended = true;
}

void EtcdCluster::resume(int index) {
  Member& member = members_[static_cast<std::size_t>(index)];
  EXPECT_TRUE(member.process->kill(SIGCONT).ok());
  member.suspended = false;
}

void EtcdCluster::wipe(int index) { fs::remove_all(folder_ / fmt::format("m{}", index)); }

int EtcdCluster::leader() {
  for (int i = 0; i < size(); ++i) {
    const auto& member = members_[static_cast<std::size_t>(i)];
    if (!member.process || member.suspended) continue;
    const Value status = call(i, "/maintenance/status", Value::Map());
    if (status.find("leader") == nullptr || status.at("header", "member_id") == nullptr) continue;
    if (string_form(*status.find("leader")) == string_form(*status.at("header", "member_id"))) return i;
  }
  return -1;
}

Value EtcdCluster::call(int member, const std::string& method, const Value& body) {
  Value answer;
  constexpr auto request = [](Reactor* r, http::Client* client, http::Call call, Value* out) -> Task<void> {
    const auto response = co_await client->request(std::move(call), Ctx{.deadline = r->now() + 3s});
    if (response.ok()) *out = parse_json(etcd3::first_document(response->body)).value_or(nullptr);
  };
  http::Call call;
  call.method = "POST";
  call.url = {.scheme = options_.tls ? "https" : "http", .address = address(member), .target = "/v3" + method};
  call.body = to_json(body);
  reactor_.run_until_done(request(&reactor_, client_.get(), std::move(call), &answer));
  return answer;
}

std::string EtcdCluster::get(int member, const std::string& path) {
  std::string answer;
  constexpr auto request = [](Reactor* r, http::Client* client, http::Call call, std::string* out) -> Task<void> {
    const auto response = co_await client->request(std::move(call), Ctx{.deadline = r->now() + 3s});
    if (response.ok()) *out = response->body;
  };
  http::Call call;
  call.url = {.scheme = options_.tls ? "https" : "http", .address = address(member), .target = path};
  reactor_.run_until_done(request(&reactor_, client_.get(), std::move(call), &answer));
  return answer;
}

void EtcdCluster::put_raw(const std::string& key, const std::string& value) {
  EXPECT_NE(call(0, "/kv/put", etcd3::put(key, value, {})).find("header"), nullptr);
}

std::optional<std::string> EtcdCluster::get_raw(const std::string& key) {
  const auto found = etcd3::read_key_values(call(0, "/kv/range", etcd3::range_of_key(key)));
  return found.empty() ? std::nullopt : std::optional(found.front().value);
}

std::string EtcdCluster::lease_of(const std::string& key) {
  const auto found = etcd3::read_key_values(call(0, "/kv/range", etcd3::range_of_key(key)));
  return found.empty() ? std::string() : found.front().lease;
}

void EtcdCluster::delete_raw(const std::string& key) {
  EXPECT_NE(call(0, "/kv/deleterange", etcd3::range_of_key(key)).find("header"), nullptr);
}

// An authority, a certificate of the server for 127.0.0.1, and one of the client.
void EtcdCluster::make_certificates() {
  const auto issue = [this](const std::string& name, const std::string& extension) {
    run_and_expect_success(
        reactor_, {"openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", certificate(name + "-key"), "-out",
                   certificate(name + "-request"), "-subj", "/CN=" + name});
    const fs::path extensions = folder_ / (name + ".ext");
    EXPECT_TRUE(write_file_atomically(extensions, extension).ok());
    run_and_expect_success(reactor_, {"openssl", "x509", "-req", "-in", certificate(name + "-request"), "-CA",
                                      certificate("ca"), "-CAkey", certificate("ca-key"), "-CAcreateserial", "-days",
                                      "2", "-extfile", extensions, "-out", certificate(name)});
  };
  run_and_expect_success(reactor_, {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                                    certificate("ca-key"), "-out", certificate("ca"), "-subj", "/CN=test authority"});
  issue("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
  issue("client", "extendedKeyUsage=clientAuth\n");
}

}  // namespace matriarch::test
