// synchronous_standby_names, read and written.
#include "model/standby_names.h"

#include <gtest/gtest.h>

namespace matriarch {
namespace {

using Names = std::set<std::string>;

StandbyNames priority(int count, Names names) { return {.type = SyncMode::kPriority, .count = count, .names = std::move(names)}; }
StandbyNames quorum(int count, Names names) { return {.type = SyncMode::kQuorum, .count = count, .names = std::move(names)}; }

TEST(StandbyNames, AreReadAsPostgresReadsThem) {  // SYNC-014
  const std::string placeholder(kSyncPlaceholder);
  const std::vector<std::pair<std::string, StandbyNames>> cases = {
      {"", {}},
      {"  \t", {}},
      {"b", priority(1, {"b"})},
      {"b, c", priority(1, {"b", "c"})},
      {"2 (b,c)", priority(2, {"b", "c"})},
      {"FIRST 2 (b , c)", priority(2, {"b", "c"})},
      {"first 1(b)", priority(1, {"b"})},
      {"ANY 2 (b,c,d)", quorum(2, {"b", "c", "d"})},
      {"any 1 (\"B 1\",\"q\"\"q\")", quorum(1, {"B 1", "q\"q"})},
      {"any, first", priority(1, {"any", "first"})},
      {"first", priority(1, {"first"})},
      {"\"2\"", priority(1, {"2"})},
      {"*", priority(1, {placeholder})},
      {"ANY 1 (*)", quorum(1, {placeholder})},
      {"b,*", priority(1, {placeholder})},
      {placeholder, priority(1, {})},
      {"ANY 2 (" + placeholder + ")", quorum(2, {})},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_standby_names(text), expected) << text;
}

TEST(StandbyNames, WhatPostgresWouldRefuseIsNotRead) {  // SYNC-014
  for (const char* text : {"b,", ",b", "2 (b", "2 b", "ANY 2", "ANY 2 ()", "0 (b)", "ANY 99999999999 (b)", "\"b", "b;c", "SOME 2 (b)",
                           "2 (b) c", "(b)", "b c"}) {
    EXPECT_FALSE(parse_standby_names(text)) << text;
  }
}

TEST(StandbyNames, AreQuotedAndOrdered) {  // SYNC-015, SYNC-016
  EXPECT_EQ(format_standby_names({"b"}, 0, SyncMode::kPriority), "b");
  EXPECT_EQ(format_standby_names({"b", "a-1"}, 0, SyncMode::kPriority), "2 (\"a-1\",b)");
  EXPECT_EQ(format_standby_names({"b", "a"}, 1, SyncMode::kPriority), "1 (a,b)");
  EXPECT_EQ(format_standby_names({"b"}, 1, SyncMode::kQuorum), "ANY 1 (b)");
  EXPECT_EQ(format_standby_names({"FIRST", "q\"q"}, 0, SyncMode::kPriority), "2 (\"FIRST\",\"q\"\"q\")");
  EXPECT_EQ(format_standby_names({"1st"}, 0, SyncMode::kPriority), "\"1st\"");
  EXPECT_EQ(format_standby_names({}, 0, SyncMode::kPriority), "");
  EXPECT_EQ(format_standby_names({}, 1, SyncMode::kPriority), kSyncPlaceholder);
  EXPECT_EQ(format_standby_names({"*"}, 1, SyncMode::kQuorum), "ANY 1 (" + std::string(kSyncPlaceholder) + ")");
}

TEST(StandbyNames, WhatIsWrittenIsReadAgain) {
  for (const SyncMode mode : {SyncMode::kPriority, SyncMode::kQuorum}) {
    for (const Names& names : {Names{"b"}, Names{"any", "B-1", "x\"y"}, Names{"über", "2"}}) {
      for (int count = 1; count <= std::ssize(names); ++count) {
        const auto read = parse_standby_names(format_standby_names({names.begin(), names.end()}, count, mode));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->names, names);
        EXPECT_EQ(read->count, count);
        EXPECT_EQ(read->type, mode);
      }
    }
  }
}

}  // namespace
}  // namespace matriarch
