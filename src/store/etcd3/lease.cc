#include "store/etcd3/lease.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace matriarch::etcd3 {

namespace {

using namespace std::chrono_literals;

// etcd counts whole seconds, and not fewer than two.
std::int64_t seconds_to_ask_for(Duration ttl) {
  return std::max<std::int64_t>(2, static_cast<std::int64_t>(std::ceil(to_seconds(ttl))));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == text.npos;
}

Value::Map id_body(const std::string& id) {
  Value::Map body;
  body.set("ID", id);
  return body;
}

}  // namespace

Lease::Lease(Reactor& reactor, Gateway& gateway, const Etcd3Options& options)
    : reactor_(reactor),
      gateway_(gateway),
      granting_(reactor),
      ttl_(options.ttl),
      retry_timeout_(options.retry_timeout),
      id_(is_number(options.resume_lease) ? options.resume_lease : "") {}

Task<Result<LeaseProof>> Lease::refresh(Ctx ctx) {
  for (int attempts = 0; attempts < 3; ++attempts) {
    if (id_.empty()) {
      const Status granted = co_await grant(ctx);
      if (!granted.ok()) co_return granted.error();
    }
    if (std::exchange(fresh_grant_, false)) co_return LeaseProof{id_, refreshed_at_, granted_, std::nullopt};
    const std::string id = id_;
    const auto reply =
        co_await gateway_.call({.method = "/lease/keepalive", .body = id_body(id), .by_majority = false}, ctx);
    if (!reply.ok()) co_return reply.error();
    const Value* ttl = reply->body.at("result", "TTL");
    const std::int64_t seconds = read_number(ttl);
    if (seconds <= 0) {  // DCS-247
      forget(id);
      continue;
    }
    if (id != id_) continue;  // the ttl was changed meanwhile
    refreshed_at_ = std::max(refreshed_at_, reply->sent_at);
    granted_ = std::chrono::seconds(seconds);
    co_return LeaseProof{id, reply->sent_at, granted_, reply->header.raft_term};
  }
  co_return Error(Errc::kFailed, "etcd forgets the lease again and again");
}

// The caller's loop comes again within loop_wait, which is at most ttl - 2 * retry_timeout (DCS-204). By then at least
// three tenths of the ttl must be left for a refresh that takes long.
bool Lease::is_due() const {
  if (id_.empty() || fresh_grant_ || refreshed_at_ == Instant()) return true;
  const Duration age = reactor_.now() - refreshed_at_;
  const Duration longest_wait = std::max(ttl_ - 2 * retry_timeout_, Duration::zero());
  return age >= ttl_ / 2 || age + longest_wait > ttl_ * 7 / 10;
}

Task<Result<std::string>> Lease::ensure(Ctx ctx) {
  if (!is_due()) co_return id_;
  const auto proof = co_await refresh(ctx);
  if (!proof.ok()) co_return proof.error();
  co_return proof->id;
}

Task<Status> Lease::grant(Ctx ctx) {
  const auto guard = co_await granting_.lock(ctx);
  if (!guard.ok()) co_return guard.error();
  if (!id_.empty()) co_return Status();  // another caller was quicker
  const Duration wanted = ttl_;
  Value::Map body;
  body.set("TTL", seconds_to_ask_for(wanted));
  const auto reply = co_await gateway_.call({.method = "/lease/grant", .body = std::move(body)}, ctx);
  if (!reply.ok()) co_return reply.error();
  const std::string id = read_lease(reply->body.find("ID"));
  const Duration granted = std::chrono::seconds(read_number(reply->body.find("TTL")));
  if (id.empty() || granted <= Duration::zero()) co_return Error(Errc::kProtocol, "etcd granted no lease");
  if (wanted != ttl_) co_return Error(Errc::kUnavailable, "ttl was changed meanwhile");
  id_ = id;
  granted_ = granted;
  refreshed_at_ = reply->sent_at;
  fresh_grant_ = true;
  if (granted > std::chrono::seconds(seconds_to_ask_for(wanted)) && !std::exchange(warned_, true)) {
    log::warning(
        "etcd grants leases of {} s although ttl is {}: a dead leader is noticed that much later; shorten etcd's "
        "--election-timeout",
        to_seconds(granted), to_seconds(wanted));
  }
  co_return Status();
}

void Lease::forget(const std::string& id) {
  if (id != id_) return;
  id_.clear();
  fresh_grant_ = false;
}

void Lease::set_times(Duration ttl, Duration retry_timeout) {
  retry_timeout_ = retry_timeout;
  if (ttl == ttl_) return;
  ttl_ = ttl;
  forget(id_);
}

}  // namespace matriarch::etcd3
