#include "tests/system/ctl/fixture.h"

#include <csignal>
#include <filesystem>
#include <future>

#include <gtest/gtest.h>

#include "base/wait.h"

namespace matriarch::system_test {
namespace {

Task<void> run_into(Reactor* reactor, SpawnOptions options, std::string input, Output* output) {
  const Ctx ctx{.deadline = reactor->now() + std::chrono::seconds(60)};
  auto result = co_await run_program(*reactor, std::move(options), {.input = std::move(input)}, ctx);
  if (!result) {
    output->err = result.error().text();
    co_return;
  }
  *output = {.code = result->status.code, .out = result->out, .err = result->err};
}

std::string endpoint() { return fmt::format("http://127.0.0.1:{}", kEtcdPort); }

Output etcdctl(std::vector<std::string> arguments) {
  std::vector<std::string> argv = {"etcdctl", "--endpoints", endpoint()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(std::move(argv), {{"ETCDCTL_API", "3"}});
}

}  // namespace

Output run(std::vector<std::string> argv, std::map<std::string, std::string> env, std::string input) {
  Reactor reactor;
  Output output;
  reactor.run_until_done(run_into(&reactor, {.argv = std::move(argv), .env = std::move(env)}, std::move(input), &output));
  return output;
}

Etcd::Etcd() {
  char name[] = "/tmp/ctl-etcd-XXXXXX";
  folder_ = mkdtemp(name);
  const std::string peer = fmt::format("http://127.0.0.1:{}", kEtcdPeerPort);
  auto started = spawn({.argv = {"etcd", "--data-dir", folder_ + "/data", "--listen-client-urls", endpoint(),
                                 "--advertise-client-urls", endpoint(), "--listen-peer-urls", peer,
                                 "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}});
  if (!started) return;
  process_ = std::move(*started);
  for (int i = 0; i < 100 && !running_; ++i) {
    running_ = etcdctl({"endpoint", "health"}).code == 0;
  }
}

Etcd::~Etcd() {
  if (process_) {
    (void)process_->kill(SIGKILL);  // gone already: fine
    Reactor reactor;
    reactor.run_until_done([](ChildProcess* process, Reactor* r) -> Task<void> {
      (void)co_await process->wait(*r, Ctx{.deadline = r->now() + std::chrono::seconds(10)});
    }(&*process_, &reactor));
  }
  std::filesystem::remove_all(folder_);
}

void Etcd::put(const std::string& key, const std::string& value) {
  const Output done = etcdctl({"put", "--", key, value});
  ASSERT_EQ(done.code, 0) << done.err;
}

std::string Etcd::get(const std::string& key) {
  std::string value = etcdctl({"get", "--print-value-only", key}).out;
  if (value.ends_with('\n')) value.pop_back();
  return value;
}

void Etcd::clear() { ASSERT_EQ(etcdctl({"del", "--prefix", "/"}).code, 0); }

namespace {

Etcd* the_etcd = nullptr;

class EtcdEnvironment final : public ::testing::Environment {
 public:
  void SetUp() override {
    server_.emplace();
    ASSERT_TRUE(server_->running()) << "etcd did not start on port " << kEtcdPort;
    the_etcd = &*server_;
  }
  void TearDown() override { server_.reset(); }

 private:
  std::optional<Etcd> server_;
};

[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(new EtcdEnvironment);

}  // namespace

Etcd* etcd() { return the_etcd; }

Members::Members(std::optional<http::TlsServerOptions> tls) {
  std::promise<Status> listening;
  thread_ = std::thread([this, &listening, tls = std::move(tls)] { serve(tls, listening); });
  const Status bound = listening.get_future().get();
  EXPECT_TRUE(bound) << bound.error().text();
}

void Members::serve(std::optional<http::TlsServerOptions> tls, std::promise<Status>& listening) {
  reactor_.emplace();
  http::ServerOptions options;
  if (tls) {
    auto context = http::TlsContext::for_server(*tls);
    if (!context) return listening.set_value(context.error());
    options.tls = *context;
  }
  http::Server server(*reactor_, options, [this](http::Request request, Ctx) -> http::Answer { return handle(request); });
  const auto begin = [](http::Server* s, Reactor* r, std::promise<Status>* ready) -> Task<void> {
    const Ctx ctx{.deadline = r->now() + std::chrono::seconds(5)};
    auto bound = co_await s->bind({{.host = "127.0.0.1", .port = kRestPort}}, ctx);
    s->serve();
    ready->set_value(std::move(bound));
  };
  reactor_->run_until_done(begin(&server, &*reactor_, &listening));
  reactor_->run();
  reactor_->run_until_done(server.stop(Ctx{.deadline = reactor_->now()}));
}

Members::~Members() {
  reactor_->post_from_any_thread([this] { reactor_->stop(); });
  thread_.join();
}

void Members::answer(const std::string& method_and_path, int status, const std::string& text) {
  const std::lock_guard lock(mutex_);
  answers_[method_and_path] = {status, text};
}

std::vector<std::string> Members::requests() {
  const std::lock_guard lock(mutex_);
  return std::exchange(requests_, {});
}

http::Response Members::handle(const http::Request& request) {
  const std::lock_guard lock(mutex_);
  std::string line = request.method + " " + request.path;
  const auto found = answers_.find(line);
  if (!request.body.empty()) line += " " + request.body;
  if (const auto authorization = request.headers.find("Authorization")) line += " " + std::string(*authorization);
  requests_.push_back(line);
  if (found == answers_.end()) return {.status = 404, .body = "no such thing"};
  return {.status = found->second.first, .content_type = "text/plain", .body = found->second.second};
}

std::map<std::string, std::string> client_environment() {
  return {{"PATRONI_ETCD3_HOST", fmt::format("127.0.0.1:{}", kEtcdPort)}, {"TZ", "UTC"},
          {"HOME", "/nonexistent"}, {"XDG_CONFIG_HOME", "/nonexistent"}, {"LC_ALL", "C.UTF-8"}};
}

}  // namespace matriarch::system_test
