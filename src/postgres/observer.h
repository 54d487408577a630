// The view of the server: what the files say, and what the one monitoring query answers (PG 2.3).
#pragma once

#include <map>
#include <set>
#include <string>

#include "model/server_view.h"
#include "postgres/core.h"
#include "postgres/slot_plan.h"

namespace matriarch::postgres {

// What the monitoring query says beyond the view.
struct ReceiverState {
  bool alive = false;  // a walreceiver runs
  bool streaming = false;
  std::string conninfo;  // password masked
  std::string slot;
};

class Observer {
 public:
  explicit Observer(Core& core) : core_(core) {}

  Task<ServerView> observe(Ctx ctx);
  // As of the last successful query.
  [[nodiscard]] const ReceiverState& receiver() const { return receiver_; }
  // The slots whose positions are published (PG-345, PG-383); until told, all that are not temporary.
  void track_slots(std::set<std::string> names) { tracked_ = std::move(names); }
  // All slots, as of the last successful query; none if that is no longer true.
  [[nodiscard]] bool has_slots() const { return slots_.has_value(); }
  [[nodiscard]] std::vector<SlotRow> slots() const { return slots_.value_or(std::vector<SlotRow>()); }
  void forget_slots() { slots_.reset(); }

 private:
  Task<void> look_at_files(ServerView* view, Ctx ctx);
  Task<bool> query(ServerView* view, Ctx ctx);
  void complain(std::string problem);
  void read_row(const Rows& rows, ServerView& view);
  void read_slots(const std::string& json, ServerView& view);

  Core& core_;
  ReceiverState receiver_;
  std::string problem_;  // of the last query, as it was logged
  std::optional<std::set<std::string>> tracked_;
  std::optional<std::vector<SlotRow>> slots_;
};

// For tests: of the JSON texts that the query returns.
std::vector<WalSender> parse_walsenders(std::string_view json);

}  // namespace matriarch::postgres
