#include "rest/access.h"

#include "base/log.h"
#include "http/url.h"

namespace matriarch::rest {

namespace {

using namespace std::chrono_literals;

// Addresses of members change rarely, and whoever is refused may ask again: enough to keep strangers from making us ask
// the name server at their pace.
constexpr Duration kNameLifetime = 10s;
constexpr std::size_t kMaxNames = 1000;

// The host of a member's api_url, if it has one.
std::optional<std::string> api_host(const Member& member) {
  if (!member.has_api()) return std::nullopt;
  auto url = http::parse_url(member.data.api_url);
  if (!url) return std::nullopt;
  return std::move(url->address.host);
}

Task<void> add_entry(Allowlist& list, std::string entry, Resolver& resolver, Ctx ctx) {
  if (const auto network = parse_network(entry)) {
    list.networks.push_back(*network);
    co_return;
  }
  if (entry.empty() || entry.find('/') != entry.npos) {
    log::error("restapi.allowlist: \"{}\" is not a network; write it like 10.0.0.0/8", entry);
    co_return;
  }
  const auto addresses = co_await resolver(entry, ctx);
  if (!addresses) {
    log::error("restapi.allowlist: \"{}\" is left out: {}; correct the name or write the address", entry,
               addresses.error().text());
    co_return;
  }
  for (const IpAddress& address : *addresses) list.networks.push_back({address, address.v4 ? 32 : 128});
}

}  // namespace

Task<Allowlist> load_allowlist(std::vector<std::string> entries, Resolver resolver, Ctx ctx) {
  Allowlist list{.active = !entries.empty()};
  for (const std::string& entry : entries) co_await add_entry(list, entry, resolver, ctx);
  co_return list;
}

Access::Access(Scheduler& scheduler, Resolver resolver) : scheduler_(scheduler), resolver_(std::move(resolver)) {}

void Access::configure(const RestOptions& options, Allowlist allowlist) {
  allowlist_ = std::move(allowlist);
  include_members_ = options.allowlist_include_members;
  certificate_needed_ = options.tls() && options.verify_client != http::ClientCertificates::kNone;
  credentials_ = {options.username, options.password};
  names_.clear();
}

const Access::Resolved* Access::resolved(const std::string& host) const {
  const auto found = names_.find(host);
  return found == names_.end() || found->second.valid_until <= scheduler_.now() ? nullptr : &found->second;
}

Access::Verdict Access::by_address(const http::Request& request, const ClusterView* cluster, Members members) const {
  const bool with_members = include_members_ && members == Members::kConsidered;
  if (!allowlist_.active && !with_members) return Verdict::kAllowed;
  const auto ip = parse_ip(request.peer_address);
  if (!ip) return Verdict::kDenied;
  for (const Network& network : allowlist_.networks) {
    if (network.contains(*ip)) return Verdict::kAllowed;
  }
  if (!with_members || cluster == nullptr) return Verdict::kDenied;
  Verdict verdict = Verdict::kDenied;
  for (const Member& member : cluster->members) {
    const auto host = api_host(member);
    if (!host) continue;
    if (const auto literal = parse_ip(*host)) {
      if (*literal == *ip) return Verdict::kAllowed;
    } else if (const Resolved* known = resolved(*host)) {
      if (std::find(known->addresses.begin(), known->addresses.end(), *ip) != known->addresses.end()) {
        return Verdict::kAllowed;
      }
    } else {
      verdict = Verdict::kUndecided;
    }
  }
  return verdict;
}

Task<bool> Access::admits(std::string peer_address, std::shared_ptr<const ClusterView> cluster, Ctx ctx) {
  const auto ip = parse_ip(peer_address);
  if (!ip || cluster == nullptr) co_return false;
  for (const Member& member : cluster->members) {
    const auto host = api_host(member);
    if (!host) continue;
    if (const auto literal = parse_ip(*host)) {
      if (*literal == *ip) co_return true;
      continue;
    }
    if (resolved(*host) == nullptr) {
      auto addresses = co_await resolver_(*host, ctx);
      if (names_.size() >= kMaxNames) names_.clear();
      names_[*host] = {std::move(addresses).value_or({}), scheduler_.now() + kNameLifetime};
    }
    const auto& known = names_[*host].addresses;
    if (std::find(known.begin(), known.end(), *ip) != known.end()) co_return true;
  }
  co_return false;
}

std::optional<http::Response> Access::by_identity(const http::Request& request, const Replies& replies) const {
  if (certificate_needed_ && !request.client_certificate) return replies.text(403, "client certificate required");
  if (credentials_.user.empty()) return std::nullopt;
  const auto header = request.headers.find("Authorization");
  if (!header) return replies.unauthorized("no auth header received");
  if (!http::authorized(*header, credentials_)) return replies.unauthorized("not authenticated");
  return std::nullopt;
}

}  // namespace matriarch::rest
