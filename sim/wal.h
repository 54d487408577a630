// The write-ahead log of one simulated server: a sequence of records, the timelines they belong to, and where each
// timeline branched off.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "model/lsn.h"

namespace matriarch::sim {

struct WalRecord {
  Lsn end;
  Timeline timeline = 1;
  std::uint64_t serial = 0;  // unique in the whole run: equal serials at equal positions mean equal histories
};

class Wal {
 public:
  struct Branch {
    Timeline timeline = 0;  // ended ...
    Lsn at;                 // ... here, where the next one begins
    WallTime when;
  };

  [[nodiscard]] Lsn end() const { return records_.empty() ? Lsn{kFirst} : records_.back().end; }
  [[nodiscard]] Timeline timeline() const { return timeline_; }
  [[nodiscard]] const std::vector<Branch>& history() const { return history_; }
  [[nodiscard]] const std::vector<WalRecord>& records() const { return records_; }
  // Where `timeline` ended on the way to ours; nothing if it is ours, or no ancestor of ours.
  [[nodiscard]] std::optional<Lsn> ended(Timeline timeline) const;

  // Position where the record begins.
  Lsn append(std::uint64_t bytes, std::uint64_t serial);
  void branch(Timeline to, WallTime when);
  // Forgets what comes after `lsn`, and the timelines that began there or later.
  void truncate(Lsn lsn);
  // Takes the records of `from` that end after ours and not after `upto`, and its history as far as that.
  void copy_from(const Wal& from, Lsn upto);

  // True if both are the same up to `lsn` (and reach it).
  [[nodiscard]] bool agrees_with(const Wal& other, Lsn lsn) const;
  // True if timelines and branches say that this one leads into `other`. They can be wrong: two servers that did not know of
  // each other may have given their timelines the same number.
  [[nodiscard]] bool seems_to_lead_into(const Wal& other) const;
  [[nodiscard]] bool contains(Lsn end, std::uint64_t serial) const;

 private:
  static constexpr std::uint64_t kFirst = 0x1000000;

  [[nodiscard]] const WalRecord* ending_at(Lsn lsn) const;

  std::vector<WalRecord> records_;
  std::vector<Branch> history_;
  Timeline timeline_ = 1;
};

}  // namespace matriarch::sim
