// A real etcd with the keys of a made-up cluster, a real HTTP server that plays the members, and the real binary.
#pragma once

#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/process.h"
#include "base/reactor.h"
#include "http/server.h"
#include "http/tls.h"

namespace matriarch::system_test {

inline constexpr int kEtcdPort = 23900;
inline constexpr int kEtcdPeerPort = 23901;
inline constexpr int kRestPort = 23910;

struct Output {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs a program to its end, at most 60 s.
Output run(std::vector<std::string> argv, std::map<std::string, std::string> env = {}, std::string input = {});

// One etcd for the whole test program, in a folder of its own.
class Etcd {
 public:
  Etcd();
  ~Etcd();
  Etcd(const Etcd&) = delete;
  Etcd& operator=(const Etcd&) = delete;

  [[nodiscard]] bool running() const { return running_; }
  void put(const std::string& key, const std::string& value);
  std::string get(const std::string& key);
  void clear();

 private:
  std::optional<ChildProcess> process_;
  std::string folder_;
  bool running_ = false;
};

// The one etcd of this program, started before the first test; null: it could not be started.
Etcd* etcd();

// Plays every member: answers by "METHOD /path", 404 otherwise.
class Members {
 public:
  // With TLS when it is given.
  explicit Members(std::optional<http::TlsServerOptions> tls = std::nullopt);
  ~Members();
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  void answer(const std::string& method_and_path, int status, const std::string& text);
  std::vector<std::string> requests();  // "POST /restart {...} Basic dTpw", and forgets them

 private:
  http::Response handle(const http::Request& request);
  void serve(std::optional<http::TlsServerOptions> tls, std::promise<Status>& listening);

  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  std::vector<std::string> requests_;
  std::optional<Reactor> reactor_;
  std::thread thread_;
};

// The environment that makes both command line clients use our etcd.
std::map<std::string, std::string> client_environment();

}  // namespace matriarch::system_test
