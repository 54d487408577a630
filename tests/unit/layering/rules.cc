#include "tests/unit/layering/rules.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>

#include <fmt/format.h>

namespace matriarch::layering {

namespace {

constexpr std::size_t kMaxFileLines = 600;
constexpr int kMaxFunctionLines = 70;

// What each layer may include besides itself. Tests, benchmarks and main() wire things together: they may see all.
const std::map<std::string, std::set<std::string>, std::less<>>& allowed_layers() {
  static const std::map<std::string, std::set<std::string>, std::less<>> table{
      {"base", {}},
      {"model", {"base"}},
      {"ports", {"model", "base"}},
      {"config", {"model", "base"}},
      {"http", {"base"}},
      {"policy", {"model"}},  // and the files in kValueHeaders
      {"watchdog", {"ports", "model", "base"}},
      {"guard", {"ports", "model", "base"}},  // the agent's side; for the guardian's see is_part_of_guardian()
      {"store", {"ports", "model", "http", "base"}},
      {"postgres", {"ports", "model", "http", "base"}},
      {"peers", {"ports", "model", "http", "base"}},
      {"agent", {"policy", "ports", "model", "base"}},
      {"rest", {"ports", "model", "config", "http", "base"}},
      {"ctl", {"ports", "model", "config", "http", "base"}},
      {"router", {"ports", "model", "config", "http", "base"}},
      {"sim", {"agent", "policy", "ports", "model", "base"}},
      {"guardian", {"guard", "base"}},
  };
  return table;
}

// Plain values without behaviour, which decisions may use too.
const std::set<std::string_view> kValueHeaders{"base/time.h", "base/result.h"};

// The same agent code runs on real ports and on simulated ones: it must not reach past them.
const std::set<std::string_view> kRealWorldHeaders{"base/files.h", "base/process.h", "base/reactor.h"};

// What the guardian process consists of: no library, no allocation, nothing that could wait for anything.
bool is_part_of_guardian(std::string_view path) {
  return path.starts_with("src/guard/") && !path.starts_with("src/guard/client.") && !path.starts_with("src/guard/place.");
}

bool sees_everything(std::string_view layer) { return layer == "apps" || layer == "tests" || layer == "bench"; }

// Code whose results must follow from its inputs alone, so that the simulator can replay it.
bool is_deterministic(std::string_view layer) { return layer == "policy" || layer == "agent" || layer == "sim"; }

bool implements_clock(std::string_view path) {
  return path.starts_with("src/base/") || path.starts_with("tests/unit/base/");
}

std::string first_folder(std::string_view path) { return std::string(path.substr(0, path.find('/'))); }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Positions of `word` in `line` as a whole word.
std::vector<std::size_t> find_word(std::string_view line, std::string_view word) {
  std::vector<std::size_t> found;
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const auto end = at + word.size();
    const bool starts = at == 0 || !is_word(line[at - 1]) || !is_word(word.front());
    const bool ends = end == line.size() || !is_word(line[end]) || !is_word(word.back());
    if (starts && ends) found.push_back(at);
  }
  return found;
}

// A call of a free function: `word(`; not `object.word(`, `pointer->word(`, nor the declaration `Type word(`.
bool calls(std::string_view line, std::string_view word) {
  static const std::set<std::string_view> statements{"return", "co_return", "co_await", "co_yield",
                                                     "else",   "do",        "throw"};
  return std::ranges::any_of(find_word(line, word), [&](std::size_t at) {
    auto after = line.substr(at + word.size());
    while (after.starts_with(' ')) after.remove_prefix(1);
    auto before = line.substr(0, at);
    while (before.ends_with(' ')) before.remove_suffix(1);
    auto type = before.size();
    while (type > 0 && is_word(before[type - 1])) --type;
    const bool declares = type < before.size() && !statements.contains(before.substr(type));
    return after.starts_with('(') && !before.ends_with('.') && !before.ends_with("->") && !declares;
  });
}

// std::set<Node*> and the like.
bool orders_by_pointer(std::string_view line) {
  for (const std::string_view container : {"map", "set", "multimap", "multiset"}) {
    for (const auto at : find_word(line, container)) {
      auto key = line.substr(at + container.size());
      if (!key.starts_with('<')) continue;
      key = key.substr(1, key.find_first_of(",<>(", 1) - 1);
      while (key.ends_with(' ')) key.remove_suffix(1);
      if (key.ends_with('*')) return true;
    }
  }
  return false;
}

enum class Match { kWord, kCall };

struct WordRule {
  std::string_view name;
  Match match;
  std::vector<std::string> words;  // as joined() takes them
  std::function<bool(const SourceFile&)> applies;
  std::string_view remedy;
};

bool outside_base(const SourceFile& file) { return !implements_clock(file.path); }
bool anywhere(const SourceFile&) { return true; }
bool in_deterministic(const SourceFile& file) { return is_deterministic(layer_of(file.path)); }

std::vector<WordRule> join_words(std::vector<WordRule> rules) {
  for (auto& rule : rules) {
    for (auto& word : rule.words) word = joined(word);
  }
  return rules;
}

const std::vector<WordRule>& word_rules() {
  static const std::vector<WordRule> rules = join_words({
      {"clock",
       Match::kWord,
       {"system_clock", "steady_clock", "high_resolution_clock", "clock_gettime", "gettimeofday"},
       outside_base,
       "time comes from Scheduler::now() and wall_now(), so that the simulator owns it"},
      {"clock",
       Match::kCall,
       {"time"},
       in_deterministic,
       "time comes from Scheduler::now() and wall_now(), so that the simulator owns it"},
      {"sleep",
       Match::kWord,
       {"sl~eep_for", "usl~eep", "nanosl~eep", "clock_nanosl~eep", "this_thread"},
       outside_base,
       "wait for the condition itself, with a deadline (WakeUp::wait); a pause between tries is sleep_until"},
      {"sleep",
       Match::kCall,
       {"sleep"},
       outside_base,
       "wait for the condition itself, with a deadline (WakeUp::wait); a pause between tries is sleep_until"},
      {"fork", Match::kCall, {"fo~rk", "vfo~rk"}, anywhere, "threads may exist: use spawn() of base/process.h"},
      {"random",
       Match::kWord,
       {"random_device", "mt19937", "mt19937_64", "default_random_engine"},
       in_deterministic,
       "random numbers come from the Rng port"},
      {"random",
       Match::kCall,
       {"rand", "srand", "random", "drand48", "getrandom"},
       in_deterministic,
       "random numbers come from the Rng port"},
      {"unordered",
       Match::kWord,
       {"unordered_map", "unordered_set", "unordered_multimap", "unordered_multiset"},
       in_deterministic,
       "the order of iteration is not defined: use std::map, std::set or a sorted std::vector"},
  });
  return rules;
}

bool matches(const WordRule& rule, std::string_view line) {
  return std::ranges::any_of(rule.words, [&](std::string_view word) {
    return rule.match == Match::kCall ? calls(line, word) : !find_word(line, word).empty();
  });
}

bool is_known_layer(std::string_view layer) { return allowed_layers().contains(layer) || sees_everything(layer); }

Violation at(const SourceFile& file, int line, std::string_view rule, std::string remedy) {
  return {.path = file.path, .line = line, .rule = std::string(rule), .remedy = std::move(remedy)};
}

bool may_include(std::string_view layer, const std::string& target, const std::string& header) {
  if (sees_everything(layer) || target == layer) return true;
  if (layer == "policy" && kValueHeaders.contains(header)) return true;
  const auto found = allowed_layers().find(layer);
  return found != allowed_layers().end() && found->second.contains(target);
}

bool is_standard_or_library(const Include& include, const SourceFile& file) {
  return split_lines(file.text)[static_cast<std::size_t>(include.line) - 1].find('<') != std::string_view::npos &&
         !is_known_layer(first_folder(include.path));
}

}  // namespace

std::string Violation::text() const { return fmt::format("{}:{}: [{}] {}", path, line, rule, remedy); }

std::string layer_of(std::string_view path) {
  if (path.starts_with("src/")) return first_folder(path.substr(4));
  if (path.starts_with("apps/matriarch-guardian/")) return "guardian";
  return first_folder(path);
}

Violations check_includes(const SourceFile& file) {
  Violations result;
  const auto layer = layer_of(file.path);
  if (!is_known_layer(layer)) {
    result.push_back(at(file, 1, "layer",
                        fmt::format("the folder {} is not in the table of docs/architecture.md: "
                                    "decide what it may include and add it there and here",
                                    layer)));
    return result;
  }
  for (const auto& include : includes_of(file)) {
    if (is_standard_or_library(include, file)) continue;
    const auto target = first_folder(include.path);
    if (sees_everything(layer) && include.path.find('/') == std::string::npos) continue;  // a neighbour
    if (include.path.find('/') == std::string::npos || !is_known_layer(target)) {
      result.push_back(at(file, include.line, "include-path",
                          fmt::format("\"{}\" must be named from src/ or from the top of the tree", include.path)));
    } else if (!may_include(layer, target, include.path)) {
      result.push_back(at(file, include.line, "layer",
                          fmt::format("{} may not include {}: move what is shared down, or go through a port "
                                      "(table in docs/architecture.md)",
                                      layer, include.path)));
    } else if (is_part_of_guardian(file.path) && target != "guard" && include.path != "base/unique_fd.h") {
      result.push_back(at(file, include.line, "guardian",
                          fmt::format("the guardian is small and allocates nothing: {} belongs to the agent's side", include.path)));
    } else if (is_deterministic(layer) && kRealWorldHeaders.contains(include.path)) {
      result.push_back(at(file, include.line, "real-world",
                          fmt::format("{} reaches the world through ports only, not by {}", layer, include.path)));
    }
  }
  return result;
}

Violations check_libraries(const SourceFile& file) {
  Violations result;
  const auto layer = layer_of(file.path);
  static const std::set<std::string_view> kBannedStandard{
      "thread", "random", "mutex", "shared_mutex", "future", "condition_variable", "unordered_map", "unordered_set"};
  for (const auto& include : includes_of(file)) {
    const std::string_view path = include.path;
    const auto ban = [&](std::string_view rule, std::string remedy) {
      result.push_back(at(file, include.line, rule, std::move(remedy)));
    };
    if (path.starts_with("boost/beast") && (layer != "http" || is_header(file))) {
      ban("beast", "Boost.Beast costs 16 s to compile: only in two .cc files of src/http, behind its plain headers");
    }
    if (path.starts_with("boost/asio") && is_header(file)) {
      ban("asio-in-header", "Asio stays out of headers: hide it behind a forward declaration or base/reactor.h");
    }
    if (path.starts_with("boost/json") && is_header(file) && layer == "model") {
      ban("json-in-header", "headers of src/model are plain types: Boost.JSON belongs into the .cc files");
    }
    if (path.starts_with("boost/") && is_deterministic(layer)) {
      ban("boost", fmt::format("{} is free of Boost: put it behind a port or into model's .cc files", layer));
    }
    if (kBannedStandard.contains(path) && is_deterministic(layer)) {
      ban("standard-header",
          fmt::format("<{}> has no place in {}: one thread, one order, one random source", path, layer));
    }
    if (layer == "policy" &&
        (path.starts_with("sys/") || path == "unistd.h" || path == "fstream" || path == "iostream")) {
      ban("standard-header", fmt::format("<{}>: decisions do no I/O", path));
    }
  }
  return result;
}

Violations check_words(const SourceFile& file) {
  Violations result;
  const auto lines = split_lines(file.code);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const int line = static_cast<int>(i) + 1;
    if (lines[i].find_first_not_of(" \t") == std::string_view::npos || lines[i].starts_with("#include")) continue;
    for (const auto& rule : word_rules()) {
      if (rule.applies(file) && matches(rule, lines[i]))
        result.push_back(at(file, line, rule.name, std::string(rule.remedy)));
    }
    if (in_deterministic(file) && orders_by_pointer(lines[i])) {
      result.push_back(
          at(file, line, "pointer-order", "addresses differ from run to run: order by a name or a number"));
    }
  }
  return result;
}

Violations check_marks(const SourceFile& file) {
  static const std::vector<std::string> marks{joined("TO~DO"), joined("FIX~ME"), joined("XX~X"), joined("HA~CK")};
  Violations result;
  const auto lines = split_lines(file.text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const auto& mark : marks) {
      const auto found = find_word(lines[i], mark);
      // With a '#' it is the contract's placeholder for a value that people must fill in (CFG-404).
      const auto is_mark = [&](std::size_t at) { return at == 0 || lines[i][at - 1] != '#'; };
      if (std::ranges::none_of(found, is_mark)) continue;
      result.push_back(at(file, static_cast<int>(i) + 1, "mark", fmt::format("{}: finish it, or open an issue", mark)));
    }
  }
  return result;
}

Violations check_sizes(const SourceFile& file) {
  Violations result;
  if (const auto count = split_lines(file.text).size(); count > kMaxFileLines) {
    result.push_back(at(file, 1, "file-size",
                        fmt::format("{} lines, more than {}: split it along the ideas in it", count, kMaxFileLines)));
  }
  for (const auto& function : functions_of(file)) {
    if (function.body_lines <= kMaxFunctionLines) continue;
    result.push_back(at(file, function.line, "function-size",
                        fmt::format("{} has {} lines, more than {}: name its steps as functions", function.name,
                                    function.body_lines, kMaxFunctionLines)));
  }
  return result;
}

Violations check_beast_users(const std::vector<SourceFile>& files) {
  constexpr std::size_t kMaxUsers = 2;
  Violations users;
  for (const auto& file : files) {
    const auto includes = includes_of(file);
    const auto found = std::ranges::find_if(includes, [](const auto& i) { return i.path.starts_with("boost/beast"); });
    if (found == includes.end()) continue;
    users.push_back(at(file, found->line, "beast", "more than two files include Boost.Beast: 16 s and 1.2 GB each"));
  }
  return users.size() > kMaxUsers ? users : Violations{};
}

Violations check_readmes(const std::vector<SourceFile>& files, const std::set<std::string>& readmes) {
  std::set<std::string> missing;
  for (const auto& file : files) {
    if (!file.path.starts_with("src/") && !file.path.starts_with("sim/")) continue;
    const std::string folder = file.path.starts_with("sim/") ? "sim" : "src/" + layer_of(file.path);
    if (!readmes.contains(folder + "/README.md")) missing.insert(folder + "/README.md");
  }
  Violations result;
  for (const auto& path : missing) {
    result.push_back({.path = path, .line = 1, .rule = "readme", .remedy = "say in a few lines what the module does"});
  }
  return result;
}

Violations check_all(const std::vector<SourceFile>& files, const std::set<std::string>& readmes) {
  Violations result = check_readmes(files, readmes);
  const auto append = [&result](Violations more) { std::ranges::move(more, std::back_inserter(result)); };
  append(check_beast_users(files));
  for (const auto& file : files) {
    append(check_includes(file));
    append(check_libraries(file));
    append(check_words(file));
    append(check_marks(file));
    append(check_sizes(file));
  }
  return result;
}

Violations without_exceptions(Violations violations, const std::vector<Exception>& exceptions) {
  for (const auto& exception : exceptions) {
    const auto covered = [&](const Violation& v) { return v.rule == exception.rule && v.path == exception.path; };
    if (std::erase_if(violations, covered) == 0) {
      violations.push_back(
          {.path = std::string(exception.path),
           .line = 1,
           .rule = "stale-exception",
           .remedy = fmt::format("nothing here breaks [{}] any more: remove the exception", exception.rule)});
    }
  }
  return violations;
}

}  // namespace matriarch::layering
