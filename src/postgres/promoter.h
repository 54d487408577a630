// Promotion, and the nudging of a startup process that sleeps where it need not.
#pragma once

#include "postgres/config_files.h"
#include "postgres/core.h"

namespace matriarch::postgres {

// Wakes the startup process from the pause it makes between attempts to get WAL (wal_retrieve_retry_interval): it rereads
// its configuration and tries again at once. Only that process is told; a reload of the whole server would do as well,
// at the price of a log line and of every backend's work. False: there is none.
bool nudge_startup_process(const Postmaster& postmaster);

class Promoter {
 public:
  explicit Promoter(Core& core) : core_(core) {}

  // Ok as soon as the server takes writes.
  Task<Status> promote(Ctx ctx);

  // Keeps nudging a standby that should stream and does not, for the first seconds after something changed. Ends by
  // itself when it streams. Calling it again starts over.
  void hurry_streaming();

 private:
  static Task<void> nudge_until_streaming(Promoter* self, std::uint64_t round);
  Task<Result<bool>> in_recovery(Ctx ctx);

  Core& core_;
  std::uint64_t round_ = 0;
};

}  // namespace matriarch::postgres
