// What agent and guardian say to each other: one fixed-size struct each way, over a SOCK_SEQPACKET unix socket on the same
// machine (so no byte order). A message of another size, magic or version is refused, and its sender disconnected.
//
//   hello   "I am the agent now." Descriptors: a pidfd of the sender itself, and with `respawn` three more: a memfd that
//           says how to start it again (respawn.h), its standard output, its standard error. A former agent is dead when
//           the reply arrives. The reply hands over what is armed, with a pidfd of the postmaster if it lives.
//   arm     From now on the server of the data directory is killed at `kill_at`. `pid` names the postmaster, with a pidfd
//           of it; or is 0: whatever server runs by then (one that is about to be started).
//   renew   `kill_at` has moved.
//   disarm  The server need not be killed any more.
//   state   Nothing changes; anybody permitted may ask.
//
// Each is answered by one Reply, in order. A Reply to nothing (`to` == kNone) tells the agent that the guardian has struck.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace matriarch::guard {

using Nanos = std::int64_t;  // CLOCK_BOOTTIME

inline constexpr std::uint32_t kMagic = 0x4d'54'47'44;  // "MTGD"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr int kMaxDescriptors = 4;
inline constexpr std::size_t kLeaseIdSize = 64;
inline constexpr std::size_t kProgramSize = 64;

enum class Ask : std::uint16_t { kNone = 0, kState, kHello, kArm, kRenew, kDisarm };

enum class Phase : std::uint16_t {
  kDisarmed,
  kArmed,
  kStruck,  // the deadline passed and the server was killed; until the next arm or disarm
};

enum class Refusal : std::uint16_t {
  kNone,
  kBadMessage,     // unknown kind, or descriptors missing
  kWrongDirectory, // this guardian has another data directory
  kNotOwner,       // not from the connection of the present agent, or with an old epoch
  kNotArmed,
  kTooLate,        // the deadline named has passed, or passed before
  kNoSuchProcess,  // the postmaster named is gone
  kNotPostmaster,  // it is something else: another program, directory, start time, or not the one in postmaster.pid
};

// The lease of the leader key, as the agent believes it.
struct Lease {
  Nanos kill_at = 0;  // K
  Nanos end = 0;      // E
  char id[kLeaseIdSize] = {};  // the store's name for it, with a terminating zero
};

struct Request {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Ask ask = Ask::kNone;
  std::uint64_t directory = 0;  // directory_hash() of the data directory's path
  std::uint64_t epoch = 0;      // of the hello's reply
  Lease lease;                  // arm, renew
  std::int32_t pid = 0;         // arm
  std::uint32_t respawn = 0;    // hello: start me again should I die while armed
  std::uint64_t start_ticks = 0;       // arm: of the postmaster, field 22 of its stat
  char program[kProgramSize] = {};     // arm: base name of the server's executable
};

struct Reply {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Ask to = Ask::kNone;
  Refusal refusal = Refusal::kNone;
  Phase phase = Phase::kDisarmed;
  std::int32_t guardian_pid = 0;
  std::uint64_t epoch = 0;
  Lease lease;
  std::int32_t pid = 0;  // of the guarded postmaster; 0: none, or not known
  std::uint32_t strikes = 0;   // servers killed by this guardian, ever
  std::uint64_t start_ticks = 0;
  Nanos struck_at = 0;         // when the last one was begun to be killed
  Nanos last_signal_at = 0;    // when the last of these was sent
  std::uint32_t signals = 0;   // how many times SIGKILL was sent then
  std::uint32_t respawns = 0;  // agents started again by this guardian, ever
  std::uint32_t real_time = 0;  // it runs with real-time priority
  std::uint32_t locked = 0;     // its memory is locked
};

static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Reply>);

// FNV-1a. Names the guardian's folder, and tells a message for another guardian.
constexpr std::uint64_t directory_hash(const char* path) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (; *path != '\0'; ++path) hash = (hash ^ static_cast<unsigned char>(*path)) * 0x100000001b3U;
  return hash;
}

inline constexpr const char* kSocketName = "guardian.sock";
inline constexpr const char* kLockName = "guardian.lock";

}  // namespace matriarch::guard
