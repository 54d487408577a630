// Real etcd servers for tests, on loopback, with data in memory. They die with the test program, however it ends.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/reactor.h"
#include "http/client.h"
#include "model/value.h"

namespace matriarch::test {

struct EtcdClusterOptions {
  int members = 1;
  bool tls = false;  // clients: https with certificates of an own authority
  std::vector<std::string> extra_arguments;
};

class EtcdCluster {
 public:
  EtcdCluster(Reactor& reactor, EtcdClusterOptions options);
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  void start(int member);     // with the data it has
  void wait_until_healthy();  // a majority answers
  void kill(int member);      // SIGKILL, and waits for its end
  void suspend(int member);   // SIGSTOP
  void resume(int member);    // SIGCONT
  void wipe(int member);      // precondition: killed
  int leader();               // index of the member that leads; asks the members that run

  [[nodiscard]] int size() const { return static_cast<int>(members_.size()); }
  [[nodiscard]] http::HostPort address(int member) const;
  [[nodiscard]] std::filesystem::path certificate(const std::string& name) const { return folder_ / (name + ".pem"); }

  // One request to the gateway of one member, by the test itself. The answer's JSON, or null.
  Value call(int member, const std::string& method, const Value& body);
  std::string get(int member, const std::string& path);

  // The bytes of a key; for writing garbage and looking at what was written.
  void put_raw(const std::string& key, const std::string& value);
  std::optional<std::string> get_raw(const std::string& key);
  std::string lease_of(const std::string& key);
  void delete_raw(const std::string& key);

 private:
  struct Member {
    std::optional<ChildProcess> process;
    int client_port = 0;
    int peer_port = 0;
    bool suspended = false;
  };
  [[nodiscard]] std::string url(int port, bool client) const;
  void make_certificates();

  Reactor& reactor_;
  EtcdClusterOptions options_;
  std::filesystem::path folder_;
  std::vector<Member> members_;
  std::unique_ptr<http::Client> client_;
};

// Waits until `condition` holds; false after the time.
bool eventually(Reactor& reactor, Duration patience, std::function<bool()> condition);

}  // namespace matriarch::test
