// Builds a Value from yaml-cpp's events. yaml-cpp only splits the text into events; types, duplicate keys, merge keys,
// aliases and all limits are ours.
#include "config/yaml.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "model/utf8.h"

namespace matriarch::config {

namespace {

constexpr std::size_t kMaxTextBytes = 16u << 20;  // of all texts together, after expansion of aliases

// Thrown through yaml-cpp, which knows no other way to stop; never leaves parse_yaml().
struct Stop {
  Errc code;
  YAML::Mark mark;
  std::string text;
};

std::string key_text(const Value& key) {
  if (key.is_bool()) return key.as_bool() ? "true" : "false";
  return key.is_null() ? "null" : string_form(key);
}

struct Extent {
  std::size_t nodes = 1;
  std::size_t bytes = 0;
  int depth = 0;  // 0 of a scalar

  void add(const Extent& inner) {
    nodes += inner.nodes;
    bytes += inner.bytes;
    depth = std::max(depth, inner.depth + 1);
  }
};

Extent extent_of(const Value& value) {
  Extent extent;
  if (value.is_string()) extent.bytes = value.as_string().size();
  if (value.is_list()) {
    for (const Value& item : value.as_list()) extent.add(extent_of(item));
  }
  if (value.is_map()) {
    for (const auto& [key, item] : value.as_map()) {
      extent.bytes += key.size();
      extent.add(extent_of(item));
    }
  }
  return extent;
}

// What a tag makes of a scalar. "?" is plain and untagged, "!" is quoted.
Value scalar_value(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
  constexpr std::string_view kPrefix = "tag:yaml.org,2002:";
  if (tag == "!" || tag == "tag:yaml.org,2002:str") return text;
  Value plain = resolve_plain_scalar(text);
  if (tag == "?" || tag.empty()) return plain;
  if (tag.starts_with(kPrefix)) {
    const std::string_view type = std::string_view(tag).substr(kPrefix.size());
    if (type == "null") return {};
    if (type == "bool" && plain.is_bool()) return plain;
    if (type == "int" && plain.is_int()) return plain;
    if (type == "float" && plain.is_number()) return plain.as_double();
    if (type == "bool" || type == "int" || type == "float") {
      throw Stop{Errc::kInvalid, mark, fmt::format("the value does not fit its tag !!{}; remove the tag", type)};
    }
    if (type == "timestamp") return text;
  }
  throw Stop{Errc::kInvalid, mark, fmt::format("the tag {} is not supported; remove it", tag)};
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view source, Warnings& warnings) : source_(source), warnings_(warnings) {}

  Value take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Stop{Errc::kInvalid, mark, "a second document starts here; a configuration is one mapping in one document"};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, Value(), Key::kPlain); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool is_merge = text == "<<" && tag == "?";
    add(mark, anchor, scalar_value(mark, tag, text), is_merge ? Key::kMerge : Key::kPlain);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Stop{Errc::kInvalid, mark, "this alias stands inside the very collection it names"};
    }
    const Extent extent = extent_of(found->second);
    if (static_cast<int>(stack_.size()) + extent.depth > kMaxYamlDepth) too_deep(mark);
    count(mark, extent);
    add(mark, 0, found->second, Key::kPlain);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, "tag:yaml.org,2002:seq", Value(Value::List()));
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, "tag:yaml.org,2002:map", Value(Value::Map()));
  }
  void OnMapEnd() override { end(); }

 private:
  enum class Key { kPlain, kMerge };

  struct Frame {
    Value value;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::optional<std::string> key;  // of the entry whose value comes next
    bool merging = false;            // the value that comes next belongs to "<<"
    std::set<std::string> own_keys;  // given here, not merged in
    std::vector<Value> merged;       // maps of "<<", in order
  };

  [[noreturn]] static void too_deep(const YAML::Mark& mark) {
    throw Stop{Errc::kInvalid, mark, fmt::format("nested more than {} levels deep", kMaxYamlDepth)};
  }

  void count(const YAML::Mark& mark, const Extent& extent) {
    nodes_ += extent.nodes;
    bytes_ += extent.bytes;
    if (nodes_ > kMaxYamlNodes || bytes_ > kMaxTextBytes) {
      throw Stop{Errc::kTooLarge, mark, "the document becomes too large when its aliases are expanded"};
    }
  }

  void start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, std::string_view own_tag,
             Value empty) {
    if (tag != "?" && tag != "!" && !tag.empty() && tag != own_tag) {
      throw Stop{Errc::kInvalid, mark, fmt::format("the tag {} is not supported here; remove it", tag)};
    }
    if (static_cast<int>(stack_.size()) >= kMaxYamlDepth) too_deep(mark);
    if (!stack_.empty() && stack_.back().value.is_map() && !stack_.back().key && !stack_.back().merging) {
      throw Stop{Errc::kInvalid, mark, "a list or mapping cannot be a key"};
    }
    count(mark, Extent());
    stack_.push_back({.value = std::move(empty), .anchor = anchor, .mark = mark});
  }

  void end() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (frame.value.is_map()) merge_into(frame);
    place(frame.mark, frame.anchor, std::move(frame.value), Key::kPlain);
  }

  // Earlier maps win over later ones, and what the mapping itself says over all of them.
  void merge_into(Frame& frame) {
    for (const Value& source : frame.merged) {
      for (const auto& [key, value] : source.as_map()) {
        if (frame.value.as_map().contains(key)) continue;
        count(frame.mark, extent_of(value));
        frame.value.as_map().append(key, value);
      }
    }
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Value value, Key kind) {
    count(mark, Extent{.bytes = value.is_string() ? value.as_string().size() : 0});
    place(mark, anchor, std::move(value), kind);
  }

  // Puts a finished value where it belongs.
  void place(const YAML::Mark& mark, YAML::anchor_t anchor, Value value, Key kind) {
    if (anchor != 0) anchors_[anchor] = value;
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.value.is_list()) {
      frame.value.as_list().push_back(std::move(value));
    } else if (frame.merging) {
      frame.merging = false;
      remember_merge(mark, frame, std::move(value));
    } else if (frame.key) {
      set_entry(frame, std::move(value));
    } else if (kind == Key::kMerge) {
      frame.merging = true;
    } else {
      start_entry(mark, frame, value);
    }
  }

  void start_entry(const YAML::Mark& mark, Frame& frame, const Value& key) {
    if (key.is_list() || key.is_map()) throw Stop{Errc::kInvalid, mark, "a list or mapping cannot be a key"};
    frame.key = key_text(key);
    if (!frame.own_keys.insert(*frame.key).second) {
      warnings_.push_back(fmt::format("{}:{}:{}: key '{}' is given more than once; the last one is used", source_,
                                      mark.line + 1, mark.column + 1, *frame.key));
    }
  }

  static void set_entry(Frame& frame, Value value) {
    Value::Map& map = frame.value.as_map();
    if (Value* present = frame.own_keys.size() == map.size() ? map.find(*frame.key) : nullptr) {
      *present = std::move(value);  // a repeated key
    } else {
      map.append(*frame.key, std::move(value));
    }
    frame.key.reset();
  }

  static void remember_merge(const YAML::Mark& mark, Frame& frame, Value value) {
    if (value.is_map()) {
      frame.merged.push_back(std::move(value));
      return;
    }
    const bool all_maps = value.is_list() && std::all_of(value.as_list().begin(), value.as_list().end(),
                                                         [](const Value& item) { return item.is_map(); });
    if (!all_maps) throw Stop{Errc::kInvalid, mark, "'<<' needs a mapping or a list of mappings"};
    for (Value& item : value.as_list()) frame.merged.push_back(std::move(item));
  }

  std::string_view source_;
  Warnings& warnings_;
  Value root_;
  int documents_ = 0;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Value> anchors_;
};

Error at(std::string_view source, Errc code, const YAML::Mark& mark, std::string_view text) {
  if (mark.is_null()) return {code, fmt::format("{}: {}", source, text)};
  return {code, fmt::format("{}:{}:{}: {}", source, mark.line + 1, mark.column + 1, text)};
}

// YAML allows no control characters but tab and line breaks; the first other one is a sign of a binary file.
std::optional<std::size_t> find_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) return i;
  }
  return std::nullopt;
}

Status check_text(std::string_view text, std::string_view source) {
  if (text.size() > kMaxYamlSize) {
    return Error(Errc::kTooLarge, fmt::format("{}: larger than {} bytes", source, kMaxYamlSize));
  }
  if (!is_valid_utf8(text)) {
    return Error(Errc::kInvalid, fmt::format("{}: not UTF-8; convert the file to UTF-8", source));
  }
  if (const auto at_byte = find_control_character(text)) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*at_byte), '\n') + 1;
    return Error(Errc::kInvalid, fmt::format("{}:{}: control character 0x{:02x}; remove it", source, line,
                                             static_cast<unsigned char>(text[*at_byte])));
  }
  return {};
}

}  // namespace

Result<Value> parse_yaml(std::string_view text, std::string_view source, Warnings& warnings) {
  if (const Status status = check_text(text, source); !status) return status.error();
  // yaml-cpp takes the end of the text for a closing quote. The end-of-document mark makes it notice.
  std::istringstream stream(std::string(text) + (text.empty() || text.back() == '\n' ? "...\n" : "\n...\n"));
  Builder builder(source, warnings);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const Stop& stop) {
    return at(source, stop.code, stop.mark, stop.text);
  } catch (const YAML::Exception& failure) {
    return at(source, Errc::kInvalid, failure.mark, failure.msg);
  }
}

}  // namespace matriarch::config
