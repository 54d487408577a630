// The local PostgreSQL as it was observed at one moment.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/lsn.h"
#include "model/names.h"

namespace matriarch {

enum class DataDirectory { kInaccessible, kEmpty, kPresent };

// "Database cluster state" of pg_control (HA section 9).
enum class ControlState {
  kUnknown,
  kStartingUp,
  kShutDown,
  kShutDownInRecovery,
  kShuttingDown,
  kInCrashRecovery,
  kInArchiveRecovery,
  kInProduction,
};

struct ControlData {
  ControlState state = ControlState::kUnknown;
  std::string system_id;
  Timeline checkpoint_timeline = 0;   // of the latest checkpoint
  Lsn checkpoint_lsn;                 // latest checkpoint location
  Lsn min_recovery_end;
  Timeline min_recovery_timeline = 0;
  bool wal_log_hints = false;
  bool data_checksums = false;

  friend bool operator==(const ControlData&, const ControlData&) = default;
};

// Work of ours on the data directory that was cut off: its process was killed, or the machine lost power.
enum class Interrupted {
  kNone,
  kCopy,       // a base backup: nothing in the directory is of use
  kInitdb,     // initdb, or what stands for it: nothing in the directory is of use, and /initialize is this node's claim
  kBootstrap,  // later than that: the directory is whole, but the cluster was not announced, /initialize is still the claim
  kRewind,     // pg_rewind: must not be started before a rewind has been carried through, whatever pg_control says
};

// /initialize was claimed by this node for a cluster that nobody has heard of yet.
[[nodiscard]] inline bool is_unannounced(Interrupted work) {
  return work == Interrupted::kInitdb || work == Interrupted::kBootstrap;
}

// How the server answers connections.
enum class Readiness { kNoResponse, kRejecting, kAccepting };

// A row of pg_stat_replication.
struct WalSender {
  int pid = 0;
  std::string usename;
  std::string application_name;
  std::string client_addr;  // empty: unix socket
  std::string state;        // "streaming", "catchup", "backup", ...
  std::string sync_state;   // "sync", "quorum", "potential", "async"
  int sync_priority = 0;
  Lsn write_lsn;            // 0: not known (null)
  Lsn flush_lsn;
  Lsn replay_lsn;

  friend bool operator==(const WalSender&, const WalSender&) = default;
};

struct ServerView {
  // The data directory.
  DataDirectory directory = DataDirectory::kInaccessible;
  std::string directory_problem;  // when inaccessible: what and how to mend it
  int major_version = 0;          // 150000; 0 = unknown
  ControlData control;            // default-constructed if unreadable
  Interrupted interrupted = Interrupted::kNone;
  bool recovery_configured = false;
  bool backup_label = false;  // of a restored backup, which PostgreSQL replays by itself

  // The processes.
  bool postmaster_alive = false;
  std::string postmaster_start_time;  // as the server prints it; empty = unknown
  Readiness readiness = Readiness::kNoResponse;

  // What the monitoring query said; only meaningful if `queried`.
  bool queried = false;
  bool in_recovery = false;
  Timeline timeline = 0;           // primary: current; standby: 0
  Timeline received_timeline = 0;  // of the walreceiver
  Lsn wal_lsn;                     // primary: flush position
  Lsn receive_lsn;                 // max of received and written by the walreceiver
  Lsn replay_lsn;
  Lsn latest_end_lsn;              // of the walreceiver: how far the upstream says it is (API-151)
  bool replay_paused = false;
  std::string replay_timestamp;    // of the last replayed transaction, as the server prints it; empty = none
  std::string replication_state;   // "streaming", "in archive recovery" or empty
  std::map<std::string, Lsn> slots;  // positions to publish in /status
  int server_version = 0;            // 150020
  std::vector<WalSender> walsenders;            // by application_name, then pid
  std::string synchronous_commit;               // settings in force
  std::string synchronous_standby_names;

  [[nodiscard]] bool is_primary() const { return queried && !in_recovery; }
  // "WAL position of a node" (HA section 1).
  [[nodiscard]] Lsn position() const { return in_recovery ? std::max(receive_lsn, replay_lsn) : wal_lsn; }
};

}  // namespace matriarch
