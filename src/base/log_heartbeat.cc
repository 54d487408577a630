#include "base/log_heartbeat.h"

namespace matriarch::log {

namespace {

bool names_lock_owner(const Record& record) { return record.text.starts_with("Lock owner: "); }

bool is_heartbeat(const Record& record) {
  return record.text.starts_with("no action. ") || record.text.starts_with("PAUSE: no action");
}

}  // namespace

std::vector<Record> HeartbeatFilter::pass(Record record, Rules rules) {
  std::vector<Record> out;
  const auto found = threads_.find(record.thread);
  if (found == threads_.end()) {
    if (rules.active && names_lock_owner(record)) {
      threads_[record.thread].lock_owner = std::move(record);
    } else {
      out.push_back(std::move(record));
    }
    return out;
  }

  Thread& thread = found->second;
  auto held = std::exchange(thread.lock_owner, std::nullopt);
  const bool heartbeat = rules.active && is_heartbeat(record);
  if (held && heartbeat) {
    const bool repeated = record.text == std::exchange(thread.last_heartbeat, record.text);
    if (!(repeated && rules.deduplicate)) out.push_back(std::move(record));
    return out;
  }
  if (held) {
    thread.last_heartbeat.clear();
    out.push_back(std::move(*held));
  }
  if (rules.active && names_lock_owner(record)) {
    thread.lock_owner = std::move(record);
  } else {
    out.push_back(std::move(record));
  }
  return out;
}

}  // namespace matriarch::log
