// A text that must not reach a log, an error or a process list (CFG-453). It has no formatter and no stream operator,
// so that printing one by accident does not compile; who needs the text says reveal().
#pragma once

#include <string>
#include <utility>

namespace matriarch::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] bool empty() const { return text_.empty(); }
  [[nodiscard]] const std::string& reveal() const { return text_; }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string text_;
};

}  // namespace matriarch::config
