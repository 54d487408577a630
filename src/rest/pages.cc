#include "rest/pages.h"

#include "base/log.h"
#include "rest/documents.h"
#include "rest/json_text.h"

namespace matriarch::rest {

Pages::Pages(std::shared_ptr<const AgentSnapshot> snapshot, Validity valid, std::string version)
    : snapshot_(std::move(snapshot)),
      version_(std::move(version)),
      status_(status_of(*snapshot_, valid)),
      tags_(published_tags(snapshot_->configured_tags ? *snapshot_->configured_tags : snapshot_->tags)) {}

const std::string& Pages::status_document() {
  if (document_.empty()) {
    const LogBacklog log{.queued = log::queue_size(), .lost = log::records_lost()};
    document_ = to_spaced_json(rest::status_document(*snapshot_, status_, version_, log));
  }
  return document_;
}

const std::string& Pages::cluster() {
  if (cluster_.empty()) cluster_ = to_spaced_json(cluster_document(view(), snapshot_->settings, snapshot_->scope));
  return cluster_;
}

const std::string& Pages::history() {
  if (history_.empty()) history_ = to_spaced_json(history_document(view()));
  return history_;
}

const std::optional<std::string>& Pages::config() {
  const auto& stored = view().config;
  if (!config_ && stored && !stored->version.empty() && stored->data.is_map()) config_ = to_spaced_json(stored->data);
  return config_;
}

}  // namespace matriarch::rest
