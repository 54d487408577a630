// Configuration files.
#include "config/yaml.h"
#include "config/load.h"
#include "config/local_config.h"
#include "tests/fuzz/fuzz.h"

using namespace matriarch;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  config::Warnings warnings;
  auto tree = config::parse_yaml(text, "fuzz", warnings);
  (void)config::resolve_plain_scalar(text);
  if (!tree) return 0;

  const std::string written = config::to_yaml(*tree, config::KeyOrder::kAsGiven);
  const auto again = config::parse_yaml(written, "written", warnings);
  require(again.ok(), "what was written can be read");
  require(config::to_yaml(*again, config::KeyOrder::kAsGiven) == written, "what was written is read back the same");

  if (!tree->is_map()) return 0;
  config::normalize_tree(*tree);
  const auto node = config::make_local_config(*tree, warnings);
  if (!node) require(!node.error().text().empty(), "an error says what is wrong");
  (void)config::make_client_config(*tree, warnings);
  return 0;
}
