#include "sim/trace.h"

namespace matriarch::sim {

void Trace::mix(std::string_view bytes) {
  for (const char c : bytes) {
    hash_ ^= static_cast<unsigned char>(c);
    hash_ *= 0x100000001b3u;
  }
}

void Trace::finish(std::string_view who) {
  const auto time = scheduler_.now().time_since_epoch().count();
  hash_ ^= static_cast<std::uint64_t>(time);
  hash_ *= 0x100000001b3u;
  mix(who);
  mix(text_);
  print(who, text_);
}

void Trace::print(std::string_view who, std::string_view text) {
  if (file_ == nullptr) return;
  const double seconds = to_seconds(scheduler_.now().time_since_epoch()) - 3600.0;
  const std::string line = fmt::format("{:12.6f} {:<8} {}\n", seconds, who, text);
  std::fwrite(line.data(), 1, line.size(), file_);
}

void Trace::remark(std::string_view who, std::string_view text) { print(who, text); }

void Coverage::hit(std::string_view name) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) {
    ++found->second;
  } else {
    counts_.emplace(name, 1);
  }
}

void Coverage::add(const Coverage& other) {
  for (const auto& [name, count] : other.counts_) counts_[name] += count;
}

std::uint64_t Coverage::count(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace matriarch::sim
