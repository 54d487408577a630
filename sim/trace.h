// What happened, for people and for comparison: every line goes into a hash, so that two runs of a seed can be compared;
// it is only kept or printed when asked.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sim/virtual_scheduler.h"

namespace matriarch::sim {

class Trace {
 public:
  explicit Trace(const VirtualScheduler& scheduler) : scheduler_(scheduler) {}

  // Where lines are printed; null: nowhere.
  void print_to(std::FILE* file) { file_ = file; }

  template <class... Args>
  void line(std::string_view who, fmt::format_string<Args...> format, Args&&... args) {
    text_.clear();
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    finish(who);
  }

  // Printed, but no part of the hash.
  [[nodiscard]] bool printing() const { return file_ != nullptr; }
  void remark(std::string_view who, std::string_view text);

  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  void finish(std::string_view who);
  void print(std::string_view who, std::string_view text);
  void mix(std::string_view bytes);

  const VirtualScheduler& scheduler_;
  std::FILE* file_ = nullptr;
  std::string text_;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

// How often things happened: faults, decisions, steps, events worth having seen. Ordered by name.
class Coverage {
 public:
  // A thing that must happen at least once in a whole gate run.
  void expect(std::string name) { counts_.try_emplace(std::move(name), 0); }
  void hit(std::string_view name);
  void add(const Coverage& other);

  [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t count(std::string_view name) const;

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace matriarch::sim
