// Each rule catches a sample that breaks it, and lets its lawful neighbour pass.
#include "tests/unit/layering/rules.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace matriarch::layering {
namespace {

using Check = Violations (*)(const SourceFile&);

struct Sample {
  Check check;
  std::string_view path;
  std::string_view text;  // as joined() takes it
  std::string_view rule;  // empty: lawful
};

// GoogleTest prints parameters by this.
void PrintTo(const Sample& sample, std::ostream* out) {
  *out << sample.path << ": " << sample.text;
}  // NOLINT(readability-identifier-naming)

class RuleSample : public testing::TestWithParam<Sample> {};

TEST_P(RuleSample, IsJudged) {
  const auto& [check, path, text, rule] = GetParam();
  // The second line, so that a wrong line number shows.
  const auto violations = check(make_source(std::string(path), "// a file\n" + joined(text) + "\n"));
  if (rule.empty()) {
    for (const auto& violation : violations) ADD_FAILURE() << violation.text();
    return;
  }
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].rule, rule);
  EXPECT_EQ(violations[0].line, 2);
  EXPECT_EQ(violations[0].path, path);
}

INSTANTIATE_TEST_SUITE_P(
    Includes, RuleSample,
    testing::Values(Sample{check_includes, "src/base/a.h", "#include \"model/lsn.h\"", "layer"},
                    Sample{check_includes, "src/model/a.h", "#include \"base/time.h\"", ""},
                    Sample{check_includes, "src/policy/a.cc", "#include \"ports/store.h\"", "layer"},
                    Sample{check_includes, "src/policy/a.cc", "#include \"base/log.h\"", "layer"},
                    Sample{check_includes, "src/policy/a.cc", "#include \"base/time.h\"", ""},
                    Sample{check_includes, "src/policy/sync/a.cc", "#include \"policy/world.h\"", ""},
                    Sample{check_includes, "src/rest/a.cc", "#include \"agent/loop.h\"", "layer"},
                    Sample{check_includes, "src/store/etcd3/a.cc", "#include \"postgres/server.h\"", "layer"},
                    Sample{check_includes, "src/store/etcd3/a.cc", "#include \"store/lease.h\"", ""},
                    Sample{check_includes, "src/guard/a.cc", "#include \"ports/guard.h\"", "guardian"},
                    Sample{check_includes, "src/guard/a.cc", "#include \"base/process.h\"", "guardian"},
                    Sample{check_includes, "src/guard/a.cc", "#include \"http/client.h\"", "layer"},
                    Sample{check_includes, "src/guard/client.cc", "#include \"ports/guard.h\"", ""},
                    Sample{check_includes, "src/agent/a.cc", "#include \"store/etcd3/client.h\"", "layer"},
                    Sample{check_includes, "src/agent/a.cc", "#include <store/etcd3/client.h>", "layer"},
                    Sample{check_includes, "src/agent/a.cc", "  #  include \"store/etcd3/client.h\"", "layer"},
                    Sample{check_includes, "src/agent/a.cc", "// #include \"store/etcd3/client.h\"", ""},
                    Sample{check_includes, "src/agent/a.cc", "#include \"base/process.h\"", "real-world"},
                    Sample{check_includes, "sim/a.cc", "#include \"base/reactor.h\"", "real-world"},
                    Sample{check_includes, "sim/a.cc", "#include \"agent/loop.h\"", ""},
                    Sample{check_includes, "src/agent/a.cc", "#include \"sim/network.h\"", "layer"},
                    Sample{check_includes, "apps/matriarch-guardian/main.cc", "#include \"http/client.h\"", "layer"},
                    Sample{check_includes, "apps/matriarch/main.cc", "#include \"http/client.h\"", ""},
                    Sample{check_includes, "tests/unit/config/a.cc", "#include \"fixture.h\"", ""},
                    Sample{check_includes, "tests/unit/config/a.cc", "#include \"../fixture.h\"", "include-path"},
                    Sample{check_includes, "src/base/a.cc", "#include \"time.h\"", "include-path"},
                    Sample{check_includes, "src/base/a.cc", "#include \"../base/time.h\"", "include-path"}));

TEST(Includes, AnUnknownFolderIsAskedAbout) {
  const auto violations = check_includes(make_source("src/misc/a.cc", "int x;\n"));
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].rule, "layer");
}

INSTANTIATE_TEST_SUITE_P(
    Libraries, RuleSample,
    testing::Values(Sample{check_libraries, "src/store/a.cc", "#include <boost/beast/http.hpp>", "beast"},
                    Sample{check_libraries, "src/http/a.h", "#include <boost/beast/http.hpp>", "beast"},
                    Sample{check_libraries, "src/http/a.cc", "#include <boost/beast/http.hpp>", ""},
                    Sample{check_libraries, "src/http/a.h", "#include <boost/asio/ip/tcp.hpp>", "asio-in-header"},
                    Sample{check_libraries, "src/http/a.cc", "#include <boost/asio/ip/tcp.hpp>", ""},
                    Sample{check_libraries, "src/model/a.h", "#include <boost/json.hpp>", "json-in-header"},
                    Sample{check_libraries, "src/model/a.cc", "#include <boost/json.hpp>", ""},
                    Sample{check_libraries, "src/policy/a.cc", "#include <boost/json.hpp>", "boost"},
                    Sample{check_libraries, "src/agent/a.cc", "#include <thread>", "standard-header"},
                    Sample{check_libraries, "sim/a.h", "#include <random>", "standard-header"},
                    Sample{check_libraries, "src/policy/a.h", "#include <unordered_map>", "standard-header"},
                    Sample{check_libraries, "src/policy/a.cc", "#include <fstream>", "standard-header"},
                    Sample{check_libraries, "src/http/a.cc", "#include <unordered_map>", ""}));

INSTANTIATE_TEST_SUITE_P(
    Words, RuleSample,
    testing::Values(Sample{check_words, "src/http/a.cc", "auto t = std::chrono::steady_clock::now();", "clock"},
                    Sample{check_words, "tests/system/a.cc", "auto t = std::chrono::system_clock::now();", "clock"},
                    Sample{check_words, "src/base/a.cc", "auto t = std::chrono::system_clock::now();", ""},
                    Sample{check_words, "src/http/a.cc", "// like steady_clock, but right", ""},
                    Sample{check_words, "src/http/a.cc", "log(\"steady_clock\");", ""},
                    Sample{check_words, "src/agent/a.cc", "const auto t = time(nullptr);", "clock"},
                    Sample{check_words, "src/agent/a.cc", "const auto t = view.time();", ""},
                    Sample{check_words, "src/agent/a.cc", "const auto t = uptime(view);", ""},
                    Sample{check_words, "src/http/a.cc", "std::this_thread::sl~eep_until(x);", "sleep"},
                    Sample{check_words, "tests/unit/http/a.cc", "usl~eep (100);", "sleep"},
                    Sample{check_words, "tests/unit/http/a.cc", "::sl~eep(1);", "sleep"},
                    Sample{check_words, "src/http/a.cc", "co_await sl~eep_for(scheduler, 1s, ctx);", "sleep"},
                    Sample{check_words, "src/http/a.cc", "co_await sleep_until(scheduler, when, ctx);", ""},
                    Sample{check_words, "tests/unit/base/a.cc", "co_await sl~eep_for(scheduler, 1s, ctx);", ""},
                    Sample{check_words, "src/postgres/a.cc", "const pid_t pid = ::fo~rk();", "fork"},
                    Sample{check_words, "src/base/a.cc", "if (vfo~rk() == 0) run();", "fork"},
                    Sample{check_words, "src/postgres/a.cc", "return fo~rk ();", "fork"},
                    Sample{check_words, "sim/a.h", "Random fo~rk() { return Random(next()); }", ""},
                    Sample{check_words, "src/postgres/a.cc", "set_fork(true);", ""},
                    Sample{check_words, "sim/a.cc", "std::mt19937 engine(1);", "random"},
                    Sample{check_words, "src/agent/a.cc", "const int r = rand();", "random"},
                    Sample{check_words, "src/agent/a.cc", "const int r = rng.random();", ""},
                    Sample{check_words, "src/policy/a.h", "std::unordered_map<std::string, int> members;", "unordered"},
                    Sample{check_words, "src/http/a.h", "std::unordered_map<std::string, int> members;", ""},
                    Sample{check_words, "sim/a.cc", "std::set<const Node*> nodes;", "pointer-order"},
                    Sample{check_words, "sim/a.cc", "std::map<Node *, int> nodes;", "pointer-order"},
                    Sample{check_words, "sim/a.cc", "std::map<std::string, Node*> nodes;", ""}));

INSTANTIATE_TEST_SUITE_P(Marks, RuleSample,
                         testing::Values(Sample{check_marks, "src/http/a.cc", "// TO~DO: later", "mark"},
                                         Sample{check_marks, "tests/a.cc", "int x;  // FIX~ME", "mark"},
                                         Sample{check_marks, "src/a.h", "// XX~X", "mark"},
                                         Sample{check_marks, "src/a.h", "// HA~CK around", "mark"},
                                         Sample{check_marks, "src/a.h", "auto name = path + \".XXXXXX\";", ""},
                                         Sample{check_marks, "src/a.h", "// CFG-405: \"#FIX~ME\" if unknown", ""}));

std::string body_of(int lines) {
  std::string text = "{\n";
  for (int i = 0; i < lines; ++i) text += "  if (x) { y(); }\n";
  return text + "}\n";
}

TEST(Sizes, ALongFileIsFound) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "int x;\n";
  EXPECT_TRUE(check_sizes(make_source("src/http/a.cc", text)).empty());
  const auto violations = check_sizes(make_source("src/http/a.cc", text + "int x;\n"));
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].rule, "file-size");
}

// Where long bodies hide.
TEST(Sizes, ALongFunctionIsFoundInAnyShape) {
  for (const std::string head :
       {"void f() ", "namespace n {\nTask<Result<int>> C::f(int a, std::map<int, int> b) const noexcept ",
        "TEST(A, B) ", "template <class T, int N = 3>\nauto f(T x) -> T ", "constexpr auto f = [](int x) -> int ",
        "class C {\n public:\n  C() : a_{1}, b_(2) ", "struct stat f(int fd) ", "bool operator==(A a, B b) ",
        "extern \"C\" int f(char c = '{') ", "#define BRACE {\nint f(int x = 1'000) ",
        "auto s = R\"(})\";\nint f() "}) {
    const auto ok = check_sizes(make_source("src/http/a.cc", head + body_of(70)));
    EXPECT_TRUE(ok.empty()) << head;
    const auto violations = check_sizes(make_source("src/http/a.cc", head + body_of(71)));
    ASSERT_EQ(violations.size(), 1U) << head;
    EXPECT_EQ(violations[0].rule, "function-size") << head;
    EXPECT_EQ(violations[0].line, 1 + std::count(head.begin(), head.end(), '\n')) << head;
  }
}

TEST(Sizes, TypesNamespacesAndTablesAreNotFunctions) {
  for (const std::string head : {"namespace a::b ", "class alignas(8) C final : public B ", "enum class E : int ",
                                 "struct S ", "const std::map<int, int (*)(int)> table = ", "std::vector<int> v"}) {
    EXPECT_TRUE(check_sizes(make_source("src/http/a.cc", head + body_of(200))).empty()) << head;
  }
}

TEST(Sizes, FunctionsOfOneFileAreToldApart) {
  const auto functions =
      functions_of(make_source("a.cc", "int one() { return 1; }\n\nint two(int x)\n{\n  return x;\n}\n"));
  ASSERT_EQ(functions.size(), 2U);
  EXPECT_EQ(functions[0].name, "one");
  EXPECT_EQ(functions[0].body_lines, 0);
  EXPECT_EQ(functions[1].name, "two");
  EXPECT_EQ(functions[1].body_lines, 1);
}

TEST(Beast, TheThirdFileIsTooMany) {
  std::vector<SourceFile> files;
  for (const std::string name : {"client", "server"}) {
    files.push_back(make_source("src/http/" + name + ".cc", "#include <boost/beast/http.hpp>\n"));
  }
  EXPECT_TRUE(check_beast_users(files).empty());
  files.push_back(make_source("src/http/websocket.cc", "#include <boost/beast/websocket.hpp>\n"));
  EXPECT_EQ(check_beast_users(files).size(), 3U);
}

TEST(Readmes, AModuleWithoutOneIsFound) {
  const std::vector<SourceFile> files{make_source("src/http/a.cc", ""), make_source("src/store/etcd3/a.cc", "")};
  EXPECT_TRUE(check_readmes(files, {"src/http/README.md", "src/store/README.md"}).empty());
  const auto violations = check_readmes(files, {"src/http/README.md", "src/store/etcd3/README.md"});
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].path, "src/store/README.md");
}

TEST(Exceptions, CoverTheirFileOnlyAndMustBeNeeded) {
  const Violations found{{.path = "a.cc", .line = 3, .rule = "clock", .remedy = ""},
                         {.path = "b.cc", .line = 4, .rule = "clock", .remedy = ""}};
  const auto rest = without_exceptions(found, {{"clock", "a.cc", "reason"}, {"sleep", "b.cc", "reason"}});
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].path, "b.cc");
  EXPECT_EQ(rest[1].rule, "stale-exception");
}

TEST(AllRules, AreApplied) {
  const std::vector<SourceFile> files{
      make_source("src/policy/a.cc",
                  joined("#include \"agent/loop.h\"\n#include <thread>\n// TO~DO\nauto x = steady_clock::now();\n"))};
  std::set<std::string> rules;
  for (const auto& violation : check_all(files, {})) rules.insert(violation.rule);
  EXPECT_EQ(rules, (std::set<std::string>{"clock", "layer", "mark", "readme", "standard-header"}));
}

}  // namespace
}  // namespace matriarch::layering
