#include "store/managed_etcd/partners.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/task_group.h"

namespace matriarch::managed_etcd {

namespace {

http::ClientOptions client_options(std::shared_ptr<const http::TlsContext> tls) {
  http::ClientOptions options;
  options.max_response_bytes = 256 << 10;
  options.max_idle_connections = 1;
  options.tls = std::move(tls);
  return options;
}

}  // namespace

Partners::Partners(Reactor& reactor, const ManagedOptions& options, std::shared_ptr<const http::TlsContext> tls)
    : reactor_(reactor), https_(options.rest_https), client_(reactor, client_options(std::move(tls))) {
  if (options.partners.empty()) return;
  all_.push_back(http::to_string(options.rest_address));
  for (const http::HostPort& partner : options.partners) {
    if (partner == options.rest_address) continue;
    others_.push_back(partner);
    all_.push_back(http::to_string(partner));
  }
  std::ranges::sort(all_);
}

Task<void> Partners::ask_one(http::HostPort address, Answer* into, Ctx ctx) {
  http::Call call{.url = {.scheme = https_ ? "https" : "http", .address = address, .target = "/store"},
                  .stale_retry = http::StaleRetry::kAlways};
  const auto response = co_await client_.request(std::move(call), std::move(ctx));
  if (!response) {
    into->problem = response.error().text();
    co_return;
  }
  auto report = parse_report(response->body);
  if (report) {
    into->report = std::move(*report);
  } else {
    into->problem = fmt::format("HTTP status {}: {}", response->status, report.error().text());
  }
}

Task<std::vector<Answer>> Partners::ask(Ctx ctx) {
  std::vector<Answer> answers(others_.size());
  TaskGroup group(reactor_);
  for (std::size_t i = 0; i < others_.size(); ++i) {
    answers[i].address = http::to_string(others_[i]);
    group.spawn(ask_one(others_[i], &answers[i], ctx));
  }
  co_await group.join();
  co_return answers;
}

}  // namespace matriarch::managed_etcd
