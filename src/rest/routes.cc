#include "rest/routes.h"

namespace matriarch::rest {

namespace {

struct Entry {
  std::string_view method;
  std::string_view segment;
  Route route;
};

constexpr auto kAll = Protection::kMembersToo;

// API-043 to API-051. `mpp` is protected like `citus` (API-356).
constexpr Entry kEntries[] = {
    {"GET", "liveness", {Endpoint::kLiveness}},
    {"GET", "readiness", {Endpoint::kReadiness}},
    {"GET", "patroni", {Endpoint::kPatroni}},
    {"GET", "cluster", {Endpoint::kCluster}},
    {"GET", "history", {Endpoint::kHistory}},
    {"GET", "metrics", {Endpoint::kMetrics}},
    {"GET", "config", {Endpoint::kGetConfig}},
    {"GET", "failsafe", {Endpoint::kGetFailsafe}},
    {"GET", "explain", {Endpoint::kExplain}},
    {"GET", "store", {Endpoint::kStore}},
    {"PATCH", "config", {Endpoint::kPatchConfig, BodyRule::kRequired, kAll}},
    {"PUT", "config", {Endpoint::kPutConfig, BodyRule::kRequired, kAll}},
    {"POST", "failsafe", {Endpoint::kPostFailsafe, BodyRule::kRequired, Protection::kListOnly}},
    {"POST", "switchover", {Endpoint::kSwitchover, BodyRule::kRequired, kAll}},
    {"DELETE", "switchover", {Endpoint::kCancelSwitchover, BodyRule::kIgnored, kAll}},
    {"POST", "failover", {Endpoint::kFailover, BodyRule::kRequired, kAll}},
    {"POST", "restart", {Endpoint::kRestart, BodyRule::kOptional, kAll}},
    {"DELETE", "restart", {Endpoint::kCancelRestart, BodyRule::kIgnored, kAll}},
    {"POST", "reload", {Endpoint::kReload, BodyRule::kIgnored, kAll}},
    {"POST", "reinitialize", {Endpoint::kReinitialize, BodyRule::kOptional, kAll}},
    {"POST", "sigterm", {Endpoint::kSigterm, BodyRule::kIgnored, kAll}},
    {"POST", "citus", {Endpoint::kMpp, BodyRule::kRequired, kAll}},
    {"POST", "mpp", {Endpoint::kMpp, BodyRule::kRequired, kAll}},
};

std::string_view first_segment(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

}  // namespace

Route find_route(std::string_view method, std::string_view path) {
  const bool get = method == "GET";
  if (method == "HEAD" || method == "OPTIONS") return {Endpoint::kHealth};
  const std::string_view segment = first_segment(path);
  for (const Entry& entry : kEntries) {
    if (entry.segment == segment && entry.method == method) return entry.route;
  }
  return {get ? Endpoint::kHealth : Endpoint::kUnsupported};
}

}  // namespace matriarch::rest
