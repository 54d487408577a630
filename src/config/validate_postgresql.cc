// The data directory and PostgreSQL's programs: CFG-394..396.
#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "config/text.h"
#include "config/validate_report.h"

namespace matriarch::config {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNeeded[] = {"pg_ctl",        "initdb",   "pg_controldata",
                                        "pg_basebackup", "postgres", "pg_isready"};

bool is_program(const fs::path& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure) && access(path.c_str(), X_OK) == 0;
}

// Empty: not found. An empty folder means PATH.
std::string find_program(const std::string& folder, const std::string& name) {
  std::vector<std::string> folders = {folder};
  if (folder.empty()) {
    const char* path = std::getenv("PATH");
    folders = split(path == nullptr ? "" : path, ':');
  }
  for (const std::string& candidate : folders) {
    if (!candidate.empty() && is_program(fs::path(candidate) / name)) return (fs::path(candidate) / name).string();
  }
  return {};
}

std::string text_at(const Value& section, std::string_view key) {
  const Value* value = section.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

// The file name of a program, after bin_name's substitutions.
std::string file_name(const Value& postgresql, std::string_view program) {
  const Value* names = postgresql.find("bin_name");
  const std::string substitute = names == nullptr ? std::string() : text_at(*names, program);
  return substitute.empty() ? std::string(program) : substitute;
}

std::string_view shown_folder(const std::string& folder) { return folder.empty() ? std::string_view("$PATH") : folder; }

void check_bin_names(Validation& v, const Value& postgresql, const std::string& folder) {
  const Value* names = postgresql.find("bin_name");
  if (names == nullptr || !names->is_map()) return;
  for (const auto& [program, name] : names->as_map()) {
    const std::string path = "postgresql.bin_name." + program;
    if (!name.is_string()) {
      v.report.add(path, name, "is not a string");
    } else if (name.as_string().empty()) {
      v.report.invalid(path, name, "is an empty string");
    } else if (find_program(folder, name.as_string()).empty()) {
      v.report.invalid(path, name,
                       fmt::format("does not contain '{}' in '{}'", name.as_string(), shown_folder(folder)));
    }
  }
}

// "postgres (PostgreSQL) 15.20 (Debian ...)" -> "15"; "9.6.3" -> "9.6".
std::string major_of(std::string_view output) {
  const std::size_t start = output.find_first_of("0123456789");
  if (start == output.npos) return {};
  output.remove_prefix(start);
  const std::string version(output.substr(0, output.find_first_not_of("0123456789.")));
  const auto parts = split(version, '.');
  const bool old_style = parts[0].size() == 1 && parts.size() > 1;
  return old_style ? parts[0] + "." + parts[1] : parts[0];
}

bool is_empty_folder(const fs::path& folder) {
  std::error_code failure;
  for (auto at = fs::directory_iterator(folder, failure); !failure && at != fs::directory_iterator();
       at.increment(failure)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with('.') && name != "lost+found") return false;
  }
  return !failure;
}

// The reason why the folder is no data directory; empty: it is one (CFG-394).
std::string data_dir_problem(Validation& v, const Value& postgresql, const fs::path& folder) {
  const auto version_file = read_file(folder / "PG_VERSION", 64);
  if (!version_file) return "doesn't look like a valid data directory";
  const std::string version(trimmed(*version_file));
  const std::string_view wal = version.starts_with("9.") ? "pg_xlog" : "pg_wal";
  std::error_code failure;
  if (!fs::is_directory(folder / wal, failure)) {
    return fmt::format("data dir for the cluster is not empty, but doesn't contain \"{}\" directory", wal);
  }
  const std::string postgres = find_program(text_at(postgresql, "bin_dir"), file_name(postgresql, "postgres"));
  const auto output = postgres.empty() ? Result<std::string>(std::string()) : v.probes.version_of(postgres);
  const std::string binary = output ? major_of(*output) : std::string();
  if (binary.empty() || binary == version) return {};
  return fmt::format("data_dir directory postgresql version ({}) doesn't match with 'postgres --version' output ({})",
                     version, binary);
}

}  // namespace

void check_programs(Validation& v, const Value& postgresql) {
  constexpr std::string_view kPath = "postgresql.bin_dir";
  const Value* value = postgresql.find("bin_dir");
  if (value != nullptr && !value->is_null() && !value->is_string())
    return v.report.add(kPath, *value, "is not a string");
  const std::string folder = text_at(postgresql, "bin_dir");
  std::error_code failure;
  if (!folder.empty() && !fs::exists(folder, failure)) {
    return v.report.add(kPath, fmt::format("Directory '{}' does not exist.", folder));
  }
  if (!folder.empty() && !fs::is_directory(folder, failure)) {
    return v.report.add(kPath, fmt::format("'{}' is not a directory.", folder));
  }
  check_bin_names(v, postgresql, folder);
  for (const std::string_view program : kNeeded) {
    const std::string name = file_name(postgresql, program);
    if (name == program && find_program(folder, name).empty()) {  // substitutes have been reported above
      v.report.add(kPath, fmt::format("does not contain '{}' in '{}'", name, shown_folder(folder)));
    }
  }
}

void check_data_dir(Validation& v, const Value& postgresql) {
  constexpr std::string_view kPath = "postgresql.data_dir";
  const Value* value = postgresql.find("data_dir");
  if (value == nullptr || value->is_null()) return v.report.add(kPath, "is not defined.");
  if (!value->is_string()) return v.report.add(kPath, *value, "is not a string");
  if (value->as_string().empty()) return v.report.invalid(kPath, *value, "is an empty string");
  const fs::path folder = value->as_string();
  std::error_code failure;
  if (!fs::exists(folder, failure)) return;
  if (!fs::is_directory(folder, failure)) return v.report.invalid(kPath, *value, "is not a directory");
  if (is_empty_folder(folder)) return;
  if (const std::string problem = data_dir_problem(v, postgresql, folder); !problem.empty()) {
    v.report.invalid(kPath, *value, problem);
  }
}

}  // namespace matriarch::config
