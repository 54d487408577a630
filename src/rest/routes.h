// Which method and path lead where (rest.md 1.5), and what each endpoint asks of a request.
#pragma once

#include <string_view>

namespace matriarch::rest {

enum class Endpoint {
  kHealth,  // every GET, HEAD and OPTIONS that leads nowhere else (API-038, API-039)
  kLiveness,
  kReadiness,
  kPatroni,
  kCluster,
  kHistory,
  kMetrics,
  kGetConfig,
  kGetFailsafe,
  kExplain,
  kStore,  // of the managed etcd
  kPatchConfig,
  kPutConfig,
  kPostFailsafe,
  kSwitchover,
  kCancelSwitchover,
  kFailover,
  kRestart,
  kCancelRestart,
  kReload,
  kReinitialize,
  kSigterm,
  kMpp,
  kUnsupported,  // API-040
};

enum class BodyRule { kIgnored, kOptional, kRequired };  // API-053
enum class Protection { kNone, kMembersToo, kListOnly };  // API-076, API-079, API-090, API-092

struct Route {
  Endpoint endpoint = Endpoint::kUnsupported;
  BodyRule body = BodyRule::kIgnored;
  Protection protection = Protection::kNone;
};

// By method and the first segment of the path (API-037).
Route find_route(std::string_view method, std::string_view path);

}  // namespace matriarch::rest
