// The other documents: the cluster, its history, the last decisions.
#pragma once

#include "ports/agent_api.h"

namespace matriarch::rest {

// API-178 to API-196.
Value::Map cluster_document(const ClusterView& cluster, const Settings& settings, std::string_view scope);

// API-197, API-198: what is stored, as it is stored; an empty list for anything that is no list.
Value history_document(const ClusterView& cluster);

// GET /explain, ours: why this node did what it did, oldest first.
Value::Map explain_document(const AgentSnapshot& snapshot);

}  // namespace matriarch::rest
