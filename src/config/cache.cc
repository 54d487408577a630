// The fallback copy of the dynamic configuration beside the data (CFG-315..317).
#include <fmt/format.h>

#include "base/files.h"
#include "config/load.h"

namespace matriarch::config {

Result<Value> read_cache(const std::filesystem::path& data_dir) {
  const auto file = data_dir / kCacheFile;
  auto text = read_file(file, kMaxYamlSize);
  if (!text) return text.error();
  auto value = parse_json(*text);
  if (!value) return value.error().in(file.string());
  if (!value->is_map())
    return Error(Errc::kInvalid, fmt::format("{} holds no JSON object; it is ignored", file.string()));
  return value;
}

Status write_cache(const std::filesystem::path& data_dir, const Value& dynamic, mode_t mode) {
  const auto written = update_file(data_dir / kCacheFile, to_json(dynamic), mode);
  return written ? Status() : Status(written.error());
}

}  // namespace matriarch::config
