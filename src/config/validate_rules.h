// The table of simple checks of --validate-config: one row for each key whose type or range is looked at.
#pragma once

#include <span>
#include <string_view>

namespace matriarch::config {

enum class Check {
  kText,
  kInt,  // no range: a boolean passes (CFG-387)
  kIntRange,
  kUnits,      // integer with a unit of time, range in seconds
  kNumberMin,  // above min
  kBool,
  kMap,
  kTextList,   // not empty
  kListOrMap,  // options: list of texts or mappings, or a mapping
  kWord,       // one of `words`
  kAnyCaseWord,
  kConnectAddress,
  kListenPort,   // host:port
  kListenHosts,  // host[,host...][:port]
  kEndpoint,
  kEndpoints,
  kIp,
};

struct Rule {
  std::string_view path;
  Check check;
  bool required;  // when the section it is in is present
  double min = 0, max = 0;
  std::string_view words;  // separated by blanks
};

std::span<const Rule> validation_rules();

}  // namespace matriarch::config
