// Files and texts of PostgreSQL. The first byte chooses which.
#include "postgres/conninfo.h"
#include "postgres/control_file.h"
#include "postgres/guc_value.h"
#include "postgres/pid_file.h"
#include "postgres/shell_words.h"
#include "postgres/timelines.h"
#include "tests/fuzz/fuzz.h"

using namespace matriarch;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  switch (fuzz::take_choice(text, 7)) {
    case 0: (void)postgres::parse_control_file(text); break;
    case 1: (void)postgres::parse_pg_controldata(text); break;
    case 2:
      if (const auto file = postgres::parse_pid_file(text)) require(file->pid > 0, "a pid is a pid");
      break;
    case 3: (void)postgres::parse_history_file(text); break;
    case 4: (void)postgres::shell_words(text); break;
    case 5:
      if (const auto params = postgres::parse_conninfo(text)) {
        const std::string printed = postgres::print_conninfo(*params, 0);
        const auto again = postgres::parse_conninfo(printed);
        require(again.ok() && postgres::print_conninfo(*again, 0) == printed, "conninfo is read back the same");
      }
      break;
    default: {
      const std::string_view unit = fuzz::take_part(text);
      (void)postgres::parse_number(text, unit);
      (void)postgres::parse_integer(text, unit);
      (void)postgres::pretty_value(text, unit, "integer");
    }
  }
  return 0;
}
