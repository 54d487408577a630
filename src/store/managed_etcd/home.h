// The folder of a managed etcd: etcd3.data_dir.
//
//   data/            etcd's own
//   etcd.conf        generated at each start of etcd, 0600
//   etcd.log[.1]     what etcd says
//   etcd.pid         which process it is
//   identity.json    what must outlive everything: vote, member id
//   endpoints        client addresses of all members, one a line: for a start without own etcd, and for matriarchctl
//   snapshots/       contents of the store, as `matriarchctl store restore` takes them
//
// All functions block on the disk, shortly.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/managed_etcd/options.h"
#include "store/managed_etcd/report.h"

namespace matriarch::managed_etcd {

// What a node remembers about its part in the cluster.
struct Identity {
  std::string instance;
  Vote vote;             // token empty: none given
  bool has_run = false;  // etcd was started on purpose of the vote, or to join
  std::string member_id;
  std::string cluster_id;
};

class Home {
 public:
  explicit Home(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Creates the folder (0700) and its parts. kDenied, kIo: the text names the path.
  Status prepare() const;

  [[nodiscard]] std::filesystem::path data() const { return folder_ / "data"; }
  [[nodiscard]] std::filesystem::path config_file() const { return folder_ / "etcd.conf"; }
  [[nodiscard]] std::filesystem::path log_file() const { return folder_ / "etcd.log"; }
  [[nodiscard]] std::filesystem::path pid_file() const { return folder_ / "etcd.pid"; }
  [[nodiscard]] std::filesystem::path snapshots() const { return folder_ / "snapshots"; }

  // Is there a log that etcd could go on with?
  [[nodiscard]] bool has_data() const;
  // Renames data/ to data.removed-1 and so on; a former one is deleted.
  Status set_data_aside() const;

  // A new one with a random instance if there is none. kProtocol: it is there and cannot be read.
  Result<Identity> read_identity() const;
  Status write_identity(const Identity& identity) const;

  [[nodiscard]] std::vector<http::HostPort> read_endpoints() const;
  void write_endpoints(const std::vector<http::HostPort>& endpoints) const;

  // Moves a log beyond `limit` bytes to etcd.log.1 and empties it, while etcd goes on appending.
  void bound_log(std::size_t limit) const;
  // The last lines of the log, as far as they are worth showing; at most `limit` bytes.
  [[nodiscard]] std::string log_tail(std::size_t limit) const;

 private:
  std::filesystem::path folder_;
};

// A name as etcd lists it: node names may contain what its lists cannot.
std::string etcd_name(std::string_view node);
std::string node_name(std::string_view etcd_name);

std::string client_url(const ManagedOptions& options);
std::string peer_url(const ManagedOptions& options);

// The text of etcd.conf. `initial`: who begins with it; only looked at by an etcd without data.
struct Beginning {
  std::vector<Candidate> initial;
  std::string token;
  bool existing = false;  // joins a cluster
};
std::string config_text(const ManagedOptions& options, const Home& home, const Beginning& beginning);

}  // namespace matriarch::managed_etcd
