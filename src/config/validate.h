// --validate-config (config.md 5.2). The running daemon does not call this (CFG-263).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/local_config.h"
#include "model/value.h"

namespace matriarch::config {

// What the validator asks the machine; replaced in tests.
class ValidationProbes {
 public:
  virtual ~ValidationProbes() = default;
  // Ok(true): something accepts TCP connections there. kNotFound: the name does not resolve (text: the resolver's
  // message).
  virtual Result<bool> accepts_connections(const std::string& host, int port) = 0;
  // Output of `<program> --version`, or an error.
  virtual Result<std::string> version_of(const std::string& program) = 0;
};

struct ValidationOptions {
  bool ignore_listen_port = false;  // -i (CFG-392)
};

// Lines "<path> <value> <message>" as CFG-382 gives them, secrets as ***; empty: valid. Keys that are not known are
// errors.
std::vector<std::string> validate(const Value& tree, const ValidationOptions& options, ValidationProbes& probes);

// The ones that connect and run programs. Blocking, with a time limit of 3 s per connect and 10 s per program.
ValidationProbes& system_probes();

// `--print` (CFG-379, CFG-380): the tree as YAML, secrets included.
std::string print_config(const Value& tree);

}  // namespace matriarch::config
