#include "store/etcd3/endpoints.h"

#include <algorithm>

namespace matriarch::etcd3 {

Duration attempt_limit(Duration total, std::size_t count) {
  if (count < 3) return total / (count == 2 ? 2 : 3);
  const Duration least = std::min<Duration>(std::chrono::seconds(1), total / 3);
  return std::max(total / static_cast<Duration::rep>(count), least);
}

namespace {

bool same(const http::Url& a, const http::Url& b) { return a.scheme == b.scheme && a.address == b.address; }

auto find(const std::vector<http::Url>& urls, const http::Url& wanted) {
  return std::find_if(urls.begin(), urls.end(), [&wanted](const http::Url& url) { return same(url, wanted); });
}

}  // namespace

Endpoints::Endpoints(std::vector<http::Url> configured) : configured_(std::move(configured)) { add(configured_); }

void Endpoints::add(const std::vector<http::Url>& urls) {
  for (const http::Url& url : urls) {
    if (find(list_, url) == list_.end()) list_.push_back(url);
  }
}

void Endpoints::failed(const http::Url& url) {
  if (!empty() && same(url, current())) current_ = (current_ + 1) % list_.size();
}

void Endpoints::discovered(std::vector<http::Url> members) {
  if (members.empty()) return;
  const http::Url asked = empty() ? members.front() : current();
  list_.clear();
  add(members);
  const auto kept = find(list_, asked);
  current_ = kept == list_.end() ? 0 : static_cast<std::size_t>(kept - list_.begin());
}

void Endpoints::widen() { add(configured_); }

void Endpoints::configure(std::vector<http::Url> configured) {
  configured_ = std::move(configured);
  widen();
}

}  // namespace matriarch::etcd3
