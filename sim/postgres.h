// A model of one PostgreSQL server and its data directory. It belongs to a machine, not to an agent: it outlives agents,
// and agents reach it through SimServer only.
//
// What is modelled: the life of the postmaster, pg_control, timelines, WAL as a sequence of records, streaming (also
// cascaded), synchronous commit, crash recovery, base backup, rewind. What is not: WAL retention, logical slots, replay
// that lags behind receipt.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/server_view.h"
#include "model/settings.h"
#include "ports/server.h"
#include "sim/network.h"
#include "sim/process.h"
#include "sim/random.h"
#include "sim/trace.h"
#include "sim/wal.h"

namespace matriarch::sim {

class Postgres;

// Told of what matters to the checks.
class PostgresObserver {
 public:
  virtual ~PostgresObserver() = default;
  virtual void writable_changed(Postgres& server) = 0;  // it became writable, or ceased to be
  virtual void promoted(Postgres& server) = 0;
  virtual void initialized(Postgres& server) = 0;        // by initdb
  virtual void before_data_loss(Postgres& server, std::string_view how) = 0;
  virtual void started_half_rewound(Postgres& server) = 0;
  virtual void diverged_stream(Postgres& standby, Postgres& upstream) = 0;
};

// What all servers of a run share.
struct PostgresWorld {
  VirtualScheduler& scheduler;
  Network& network;
  Trace& trace;
  Coverage& coverage;
  PostgresObserver* observer = nullptr;
  int major = 15;
  bool fence_works = true;  // not where a rule is broken on purpose: the last fence would make up for it
  std::map<std::string, Postgres*, std::less<>> servers;  // by member name
  std::uint64_t next_serial = 1;
};

// What goes wrong at this server; set by the fault injector.
struct PostgresFaults {
  bool start_fails = false;
  bool start_is_slow = false;
  bool stop_is_slow = false;
  bool promote_fails = false;
  bool promote_is_slow = false;
  bool rewind_fails = false;
  bool clone_fails = false;
  bool disk_full = false;          // the data directory cannot be written
  bool directory_missing = false;  // the volume is not mounted
  bool queries_hang = false;       // accepts connections, answers nothing to the agent
  bool agent_hangs = false;        // looking at the server never ends, whatever deadline it was given
};

class Postgres {
 public:
  using Done = std::function<void(Status)>;
  enum class Phase { kDown, kStarting, kAccepting, kStopping, kDraining };
  enum class Directory { kEmpty, kPartial, kPresent };

  struct StopHooks {
    std::function<void()> at_safepoint;
    std::function<void(Lsn checkpoint, Lsn before)> at_shutdown_checkpoint;
  };

  // `os` is the machine: it freezes with it.
  Postgres(PostgresWorld& world, Process& os, Random random, std::string name, Endpoint endpoint);
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // --- what the agent does (through SimServer). `done` is called once, or never if the machine loses power.
  void start(std::optional<StandbyTarget> target, Done done);
  void stop(StopMode mode, StopHooks hooks, Done gone);
  void kill();  // SIGKILL to all its processes
  void promote(Done done);
  void checkpoint(Done done);
  void follow(const StandbyTarget& target);  // a running standby: reloads
  void initdb(Done done);
  void clone(std::string source, Done done);
  void rewind(std::string source, std::function<void(RewindOutcome)> done);
  void crash_recovery(Done done);
  void remove_directory(std::string_view how);
  void set_synchronous(std::vector<std::string> names, int count, SyncMode mode);
  void wake_receiver();
  void abort_job();  // whoever ran initdb, pg_basebackup, pg_rewind or a single-user server died

  // --- what the world does to it
  void crash(std::string_view why);
  void set_faults(PostgresFaults faults);
  [[nodiscard]] PostgresFaults& faults() { return faults_; }

  // --- clients. `answered` is called with true when the commit was acknowledged; never if the connection broke.
  void write(std::uint64_t bytes, std::function<void(bool acknowledged, Lsn end, std::uint64_t serial)> answered);

  // --- looking at it
  [[nodiscard]] ServerView view() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool running() const { return phase_ != Phase::kDown; }
  [[nodiscard]] bool accepting() const { return phase_ == Phase::kAccepting; }
  [[nodiscard]] bool in_recovery() const { return in_recovery_; }
  // Some client can be told "committed": also while a fast shutdown waits for its backends.
  [[nodiscard]] bool writable() const { return (accepting() || backends_left_) && !in_recovery_ && !os_.frozen(); }
  // Could it acknowledge a commit now, as far as synchronous_standby_names is concerned?
  [[nodiscard]] bool can_acknowledge() const;
  [[nodiscard]] bool streaming_from(const Postgres& upstream) const { return receiver_.upstream == &upstream && receiver_.connected; }
  // Its records do not follow on its upstream's although timelines say so: no tool tells that from the outside.
  [[nodiscard]] bool misfits() const { return misfits_; }
  [[nodiscard]] const Wal& wal() const { return wal_; }
  [[nodiscard]] Directory directory() const { return directory_; }
  [[nodiscard]] const std::string& system_id() const { return control_.system_id; }
  [[nodiscard]] const ControlData& control() const { return control_; }
  [[nodiscard]] bool checkpoint_done() const { return control_.checkpoint_timeline == wal_.timeline(); }
  [[nodiscard]] Lsn end_of_checkpoint() const { return end_of_checkpoint_; }
  // Up to version 12 a running standby cannot be told of another upstream.
  [[nodiscard]] bool upstream_is_reloadable() const { return world_.major >= 13; }
  [[nodiscard]] bool recovery_configured() const { return recovery_configured_; }
  [[nodiscard]] const std::optional<StandbyTarget>& target() const { return target_; }
  void set_announced() { unannounced_ = false; }
  [[nodiscard]] bool intact() const { return directory_ == Directory::kPresent && !damaged_; }
  [[nodiscard]] bool has_complete_data() const { return directory_ == Directory::kPresent && !damaged_ && !faults_.directory_missing; }
  [[nodiscard]] std::uint64_t launches() const { return launches_; }
  void recheck() { set_phase(phase_); }  // after the machine froze or thawed
  // One subscriber at a time; a late unsubscribe() of a former one does nothing.
  std::uint64_t subscribe(std::function<void()> changed) {
    changed_ = std::move(changed);
    return ++subscription_;
  }
  void unsubscribe(std::uint64_t subscription) {
    if (subscription == subscription_) changed_ = nullptr;
  }
  // Could a client or a peer open a connection from there?
  [[nodiscard]] bool reachable_from(Endpoint from) const;

 private:
  struct Synchronous {
    std::vector<std::string> names;  // ascending
    int count = 0;                   // 0: no commit waits; without names: commits wait for nobody who exists
    SyncMode mode = SyncMode::kOff;

    [[nodiscard]] int priority_of(const std::string& standby) const;  // as pg_stat_replication has it
  };
  struct Commit {
    Lsn end;
    std::uint64_t serial = 0;
    std::function<void(bool, Lsn, std::uint64_t)> answered;
  };
  struct Sender {  // a walsender of ours, by name of the standby
    Postgres* standby = nullptr;
    Lsn sent;
    Lsn flushed;
    bool caught_up = false;        // "streaming" from then on
    bool busy = false;             // a message is on its way
    Instant stalled_since;         // true time; the epoch if not stalled
    std::uint64_t link = 0;
    Synchronous synchronous;       // as this process has read it
  };
  struct Receiver {  // our walreceiver
    Postgres* upstream = nullptr;
    bool connected = false;
    std::uint64_t link = 0;
    bool attempt_pending = false;
  };

  // Runs `fn` on this machine after `delay`, unless the server was started, stopped or killed meanwhile.
  void after(Duration delay, Callback fn);
  // The same for a job on the data directory.
  void job_after(Duration delay, Callback fn);
  void set_phase(Phase phase);
  void set_recovery(bool in_recovery);
  void went_down();
  void announce();

  void accept(Done done);
  void client_backends_gone(StopMode mode);
  void shut_down();
  void drain(Instant since);
  void finish_promotion();

  void copy_until(std::string source, Instant until, std::uint64_t source_launches, Done done);
  void finish_clone(const Postgres& source);
  void finish_rewind(const Postgres& source);

  // --- streaming (postgres_stream.cc)
  void seek_upstream();
  void try_upstream();
  bool join(Postgres& upstream);
  void disconnect_receiver();
  void drop_senders();
  void pump_all();
  void pump(const std::string& standby);
  void deliver(const std::string& standby, std::uint64_t link, Lsn upto);
  void acknowledged(const std::string& standby, std::uint64_t link, Lsn flushed);
  void release_commits();
  [[nodiscard]] bool synced(Lsn end) const;
  [[nodiscard]] bool confirmed_by(const std::string& name, const Sender& sender, Lsn end) const;
  void describe_synchronous(ServerView& view) const;

  PostgresWorld& world_;
  Process& os_;
  Random random_;
  std::string name_;
  Endpoint endpoint_;
  std::function<void()> changed_;
  std::uint64_t subscription_ = 0;

  // the data directory
  Directory directory_ = Directory::kEmpty;
  bool damaged_ = false;  // a rewind was interrupted
  bool unannounced_ = false;  // made by initdb, and the agent has not told anybody
  bool backup_label_ = false;
  Wal wal_;
  ControlData control_;
  Lsn end_of_checkpoint_;
  bool recovery_configured_ = false;
  std::optional<StandbyTarget> target_;
  std::uint64_t job_ = 0;
  bool job_running_ = false;

  // the processes
  Phase phase_ = Phase::kDown;
  bool in_recovery_ = false;
  bool promoting_ = false;
  bool backends_left_ = false;  // of a server that was told to stop fast
  bool was_writable_ = false;
  std::uint64_t incarnation_ = 0;  // changes whenever what was under way ends: start, stop, exit
  std::uint64_t launches_ = 0;
  std::string start_time_;
  StopHooks hooks_;
  std::vector<Done> waiting_for_exit_;
  Synchronous sync_;
  std::vector<Commit> commits_;
  std::map<std::string, Sender> senders_;
  Receiver receiver_;
  bool misfits_ = false;

  PostgresFaults faults_;
};

}  // namespace matriarch::sim
