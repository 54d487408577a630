// One line to standard error when the object ends, and only if it can be written without waiting. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace matriarch::guard {

class Say {
 public:
  Say();
  ~Say();
  Say(const Say&) = delete;
  Say& operator=(const Say&) = delete;

  Say& operator<<(const char* text);
  Say& operator<<(std::int64_t number);

 private:
  char line_[1024];
  std::size_t length_ = 0;
};

// This process's oom_score_adj is `value` as long as the object lives; then it is what it was.
class OomScore {
 public:
  explicit OomScore(int value);
  ~OomScore();
  OomScore(const OomScore&) = delete;
  OomScore& operator=(const OomScore&) = delete;

  static int read();
  static bool write(int value);

 private:
  int former_;
};

}  // namespace matriarch::guard
