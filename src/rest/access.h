// Who may call what changes something (rest.md section 3).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/cluster.h"
#include "http/encoding.h"
#include "rest/network.h"
#include "rest/options.h"
#include "rest/replies.h"

namespace matriarch::rest {

// `allowlist` with its names resolved (API-087). What cannot be understood or resolved is logged and left out; a list that
// was given stays active even if nothing of it is left (API-362).
struct Allowlist {
  bool active = false;
  std::vector<Network> networks;
};
Task<Allowlist> load_allowlist(std::vector<std::string> entries, Resolver resolver, Ctx ctx);

// Thread: the scheduler's. Must outlive its tasks.
class Access {
 public:
  Access(Scheduler& scheduler, Resolver resolver);

  void configure(const RestOptions& options, Allowlist allowlist);

  enum class Members { kConsidered, kIgnored };  // API-090
  enum class Verdict {
    kAllowed,
    kDenied,
    kUndecided,  // members have host names that must be resolved first: admits()
  };
  // Without waiting; `cluster` may be null (no view).
  [[nodiscard]] Verdict by_address(const http::Request& request, const ClusterView* cluster, Members members) const;
  // Resolves the members' names as far as needed.
  Task<bool> admits(std::string peer_address, std::shared_ptr<const ClusterView> cluster, Ctx ctx);

  // Client certificate, then basic authentication (API-081 to API-085); the refusal, or nothing.
  [[nodiscard]] std::optional<http::Response> by_identity(const http::Request& request, const Replies& replies) const;

 private:
  struct Resolved {
    std::vector<IpAddress> addresses;
    Instant valid_until;
  };

  [[nodiscard]] const Resolved* resolved(const std::string& host) const;

  Scheduler& scheduler_;
  Resolver resolver_;
  Allowlist allowlist_;
  bool include_members_ = false;
  bool certificate_needed_ = false;
  http::Credentials credentials_;
  std::map<std::string, Resolved> names_;  // of members; an empty list: it has no address
};

}  // namespace matriarch::rest
