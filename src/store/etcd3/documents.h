// Cuts a stream of bytes into JSON documents. etcd's gateway sends one after the other, split and joined at will by HTTP
// chunks (DCS-272), and appends trailer text to some (DCS-242).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace matriarch::etcd3 {

class Documents {
 public:
  // A document may not be longer than `limit` bytes.
  explicit Documents(std::size_t limit) : limit_(limit) {}

  // The objects that `bytes` completes. kTooLarge: an unfinished one exceeds the limit; nothing more can be read.
  Result<std::vector<std::string>> feed(std::string_view bytes);

 private:
  std::size_t limit_;
  std::string unfinished_;
  int depth_ = 0;
  bool in_text_ = false;
  bool escaped_ = false;
};

// The first object in `text`; empty if there is no complete one.
std::string_view first_document(std::string_view text);

}  // namespace matriarch::etcd3
