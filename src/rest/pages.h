// The bodies of answers, made once for a snapshot.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rest/node_status.h"

namespace matriarch::rest {

// Everything is made when it is asked for the first time. Immutable otherwise.
class Pages {
 public:
  Pages(std::shared_ptr<const AgentSnapshot> snapshot, Validity valid, std::string version);

  [[nodiscard]] bool are_for(const AgentSnapshot* snapshot, Validity valid) const {
    return snapshot_.get() == snapshot && status_.valid == valid;
  }
  [[nodiscard]] const AgentSnapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] const NodeStatus& status() const { return status_; }
  // The configured tags in published form (API-156).
  [[nodiscard]] const Value::Map& tags() const { return tags_; }
  // Precondition: status().valid.view.
  [[nodiscard]] const ClusterView& view() const { return *snapshot_->cluster; }

  const std::string& status_document();
  // Preconditions: status().valid.view.
  const std::string& cluster();
  const std::string& history();
  // Absent: there is none, or it is unusable (API-200).
  const std::optional<std::string>& config();

 private:
  std::shared_ptr<const AgentSnapshot> snapshot_;
  std::string version_;
  NodeStatus status_;
  Value::Map tags_;
  std::string document_;
  std::string cluster_;
  std::string history_;
  std::optional<std::string> config_;
};

}  // namespace matriarch::rest
