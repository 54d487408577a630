// Which settings this build of PostgreSQL has, of which type and range: `postgres --describe-config` (PG-178, PG-426).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace matriarch::postgres {

class GucCatalog {
 public:
  // The tab separated table. kInvalid if it has no usable row.
  static Result<GucCatalog> parse(std::string_view describe_config, int major_version);

  // The text to write for a configured value: the value itself, a limit if it was out of range, or nothing if the
  // server would refuse it. Says so in the log.
  [[nodiscard]] std::optional<std::string> checked(const std::string& name, const std::string& value) const;
  [[nodiscard]] bool knows(std::string_view name) const;

 private:
  enum class Type { kBool, kInteger, kReal, kEnum, kString };
  struct Entry {
    Type type = Type::kString;
    double least = 0;
    double most = 0;
    std::string_view unit;
  };

  std::map<std::string, Entry, std::less<>> entries_;
  int major_version_ = 0;
};

}  // namespace matriarch::postgres
