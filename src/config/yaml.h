// YAML as the reference's users wrote it: YAML 1.1 scalars, one document, safe tags only (CFG-004).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/value.h"

namespace matriarch::config {

// One line each, naming the file, key and remedy. Never contains a secret.
using Warnings = std::vector<std::string>;

inline constexpr std::size_t kMaxYamlSize = 1u << 20;  // bytes of one document
inline constexpr int kMaxYamlDepth = 64;               // nested collections
inline constexpr std::size_t kMaxYamlNodes = 200'000;  // after expansion of aliases and merge keys

// What an unquoted scalar means in YAML 1.1: null, bool (yes/no/on/off/true/false), int (decimal, 0b, 0 octal, 0x,
// base 60, with _), float (needs a dot) or text. Time stamps stay text. Integers beyond 64 bits stay text.
Value resolve_plain_scalar(std::string_view text);

// An empty document is null. Keys are text: `1`, `on` and `~` become "1", "true" and "null". The last of several
// equal keys wins, with a warning. `source` is the file's name for messages: "<source>:<line>:<column>: ...". Errors:
// kInvalid (syntax, unknown tag, several documents, not UTF-8, too deep), kTooLarge.
Result<Value> parse_yaml(std::string_view text, std::string_view source, Warnings& warnings);

enum class KeyOrder { kSorted, kAsGiven };

// Block style, two blanks, texts quoted only where YAML 1.1 would read them as something else (CTL-237). Ends with a
// line break. An empty map is "{}", an empty list "[]". Lists are not indented below their key.
std::string to_yaml(const Value& value, KeyOrder order = KeyOrder::kSorted);

}  // namespace matriarch::config
