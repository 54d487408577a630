// Collects the lines of --validate-config (CFG-382, CFG-383). For validate*.cc only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/validate.h"
#include "model/value.h"

namespace matriarch::config {

class Report {
 public:
  // "<path> <value> <message>"; secrets as ***.
  void add(std::string_view path, const Value& value, std::string_view message);
  // "<path>  <message>": there is no value.
  void add(std::string_view path, std::string_view message);
  // CFG-388.
  void invalid(std::string_view path, const Value& value, std::string_view reason);

  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  [[nodiscard]] std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

struct Validation {
  const Value& tree;
  const ValidationOptions& options;
  ValidationProbes& probes;
  Report& report;
};

// Values that need more than a type (validate_addresses.cc). Each is called with a value that is present.
void check_listen(Validation& v, std::string_view path, const Value& value, bool port_required, bool several);
void check_connect_address(Validation& v, std::string_view path, const Value& value);
void check_endpoint(Validation& v, std::string_view path, const Value& value);
void check_endpoints(Validation& v, std::string_view path, const Value& value);  // list or comma text
void check_ip(Validation& v, std::string_view path, const Value& value);

// The postgresql section's files and programs (validate_postgresql.cc).
void check_programs(Validation& v, const Value& postgresql);
void check_data_dir(Validation& v, const Value& postgresql);

}  // namespace matriarch::config
