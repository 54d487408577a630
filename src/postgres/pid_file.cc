#include "postgres/pid_file.h"

#include <charconv>
#include <cstdlib>
#include <vector>

#include "base/files.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

template <class T>
T number(const std::string& text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace

Result<PidFile> parse_pid_file(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto line : lines_of(text)) lines.emplace_back(trimmed(line));
  lines.resize(8);
  const auto pid = number<std::int32_t>(lines[0]);
  if (pid == 0) return Error(Errc::kInvalid, "postmaster.pid has no process id");
  return PidFile{.pid = std::abs(pid),
                 .single_user = pid < 0,
                 .data_dir = lines[1],
                 .start_time = number<std::int64_t>(lines[2]),
                 .port = lines[3],
                 .socket_dir = lines[4],
                 .listen = lines[5],
                 .status = lines[7]};
}

Result<PidFile> read_pid_file(const std::filesystem::path& data_dir) {
  const auto text = read_file(data_dir / "postmaster.pid", 64 << 10);
  if (!text) return text.error();
  return parse_pid_file(*text);
}

}  // namespace matriarch::postgres
