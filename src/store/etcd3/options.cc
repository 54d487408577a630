#include "store/etcd3/options.h"

#include <fmt/format.h>

namespace matriarch::etcd3 {

std::string base_path(const Etcd3Options& options) {
  std::string raw = fmt::format("/{}/{}/", options.name_space, options.scope);
  if (options.group) raw += fmt::format("{}/", *options.group);
  std::string path;
  for (const char c : raw) {
    if (c != '/' || !path.ends_with('/')) path += c;
  }
  return path;
}

}  // namespace matriarch::etcd3
