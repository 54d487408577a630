// Which members of etcd there are and which one is asked (DCS-227..236). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/url.h"

namespace matriarch::etcd3 {

// How long one attempt may take when `total` is left for a call and there are `count` endpoints: enough of them get their
// turn within the time, a small total included, and a single one gets three.
Duration attempt_limit(Duration total, std::size_t count);

class Endpoints {
 public:
  // May be empty until configure().
  explicit Endpoints(std::vector<http::Url> configured);

  [[nodiscard]] bool empty() const { return list_.empty(); }
  // Precondition: !empty().
  [[nodiscard]] const http::Url& current() const { return list_[current_]; }
  [[nodiscard]] std::size_t size() const { return list_.size(); }
  [[nodiscard]] const std::vector<http::Url>& all() const { return list_; }

  // Moves on to the next one, if `url` is still the current one.
  void failed(const http::Url& url);
  // What the members say about themselves. Keeps the current endpoint if it is among them; ignored when empty.
  void discovered(std::vector<http::Url> members);
  // When nobody in the list answers: the configured ones again, and the last known.
  void widen();
  // New configured ones (SRV records).
  void configure(std::vector<http::Url> configured);

 private:
  void add(const std::vector<http::Url>& urls);

  std::vector<http::Url> configured_;
  std::vector<http::Url> list_;
  std::size_t current_ = 0;
};

}  // namespace matriarch::etcd3
