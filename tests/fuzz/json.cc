// JSON, and patches as PATCH /config has them. Two documents, separated by 0xFF: what is patched, and the patch.
#include <algorithm>
#include <cmath>

#include "model/value.h"
#include "tests/fuzz/fuzz.h"

using namespace matriarch;
using fuzz::require;

namespace {

// Equal, but for the last bits of a number that is no integer: those the library's parser leaves to chance.
bool same(const Value& a, const Value& b) {
  constexpr double kPrecision = 1e-14;
  if (a.is_double() && b.is_double()) {
    return std::abs(a.as_double() - b.as_double()) <= kPrecision * std::abs(a.as_double());
  }
  if (a.is_list() && b.is_list()) return std::ranges::equal(a.as_list(), b.as_list(), same);
  if (!a.is_map() || !b.is_map()) return a == b;
  return std::ranges::equal(a.as_map(), b.as_map(), [](const auto& x, const auto& y) {
    return x.first == y.first && same(x.second, y.second);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  auto target = parse_json(fuzz::take_part(text));
  const auto patch = parse_json(text);
  if (!target) return 0;

  const auto again = parse_json(to_json(*target));
  require(again.ok() && same(*again, *target), "what was written is read back the same");
  const auto pretty = parse_json(to_pretty_json(*target));
  require(pretty.ok() && *pretty == *again, "pretty or not, it is the same");
  require(deep_equal(*target, *target), "a value equals itself");
  (void)string_form(*target);
  (void)parse_int(*target);
  (void)parse_bool(*target);

  if (!patch) return 0;
  const bool equal = deep_equal(*target, *patch);
  require(deep_equal(*patch, *target) == equal, "equality has no direction");
  // New keys come as they are, nulls inside included; the second time those nulls delete. Then it is settled.
  apply_patch(*target, *patch);
  apply_patch(*target, *patch);
  require(!apply_patch(*target, *patch), "a patch that was applied changes nothing any more");
  return 0;
}
