// `store`: ours. What it says and what it asks; the etcd behind it is a fake.
#include <filesystem>

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

class FakeAdmin final : public StoreAdmin {
 public:
  Task<Result<std::vector<StoreMember>>> members(Ctx /*ctx*/) override { co_return list; }
  Task<Status> add(std::string peer_url, Ctx /*ctx*/) override {
    calls.push_back("add " + peer_url);
    co_return Status();
  }
  Task<Status> remove(std::string id, Ctx /*ctx*/) override {
    calls.push_back("remove " + id);
    co_return Status();
  }
  Task<Result<std::string>> snapshot(Ctx /*ctx*/) override { co_return std::string("the snapshot"); }
  Task<Result<bool>> has_leader(Ctx /*ctx*/) override { co_return led; }
  Task<Result<int>> restore(std::string text, Ctx /*ctx*/) override {
    calls.push_back("restore " + text);
    co_return 7;
  }

  std::vector<StoreMember> list = {
      {.name = "pg1",
       .id = "1",
       .role = "leader",
       .client_url = "http://a:2379",
       .version = "3.4.23",
       .db_size = 2'500'000},
      {.name = "pg2", .id = "2", .role = "voter", .client_url = "http://b:2379", .problem = "refused"},
      {.name = "", .id = "3", .role = "not started", .problem = "not started"}};
  std::vector<std::string> calls;
  bool led = true;
};

class StoreCommand : public ::testing::Test {
 protected:
  StoreCommand() {
    cli_.clusters.admin = &admin_;
    std::string name = "/tmp/matriarch-ctl.XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~StoreCommand() override { std::filesystem::remove_all(folder_); }

  Cli cli_;
  FakeAdmin admin_;
  std::filesystem::path folder_;
};

TEST_F(StoreCommand, StatusShowsAllAndFailsWhenSomethingIsWrong) {
  EXPECT_EQ(cli_.run({"store", "status"}), 1);
  for (const char* text : {"| pg1 ", "| leader ", "2.5 MB", "| refused ", "| not started "}) {
    EXPECT_NE(cli_.console.written.find(text), std::string::npos) << text << "\n" << cli_.console.written;
  }
  admin_.list.resize(1);
  cli_.console.written.clear();
  EXPECT_EQ(cli_.run({"store", "status", "-f", "json"}), 0);
  EXPECT_NE(cli_.console.written.find("\"DB size\": 2500000"), std::string::npos) << cli_.console.written;
  admin_.list[0].alarms = {"NOSPACE"};
  EXPECT_EQ(cli_.run({"store", "status"}), 1);
}

TEST_F(StoreCommand, RemoveAsks) {
  cli_.console.answers = {"n"};
  EXPECT_EQ(cli_.run({"store", "remove", "pg2"}), 1);
  EXPECT_TRUE(admin_.calls.empty());
  cli_.console.answers = {"y"};
  EXPECT_EQ(cli_.run({"store", "remove", "pg2"}), 0);
  EXPECT_EQ(cli_.run({"store", "remove", "3", "--force"}), 0);  // what has no name yet, by its id
  EXPECT_EQ(admin_.calls, (std::vector<std::string>{"remove 2", "remove 3"}));
  EXPECT_EQ(cli_.run({"store", "remove", "pg9", "--force"}), 1);
  EXPECT_NE(cli_.console.errors.find("no member pg9; it has pg1, pg2, 3"), std::string::npos) << cli_.console.errors;
}

TEST_F(StoreCommand, SnapshotAndRestore) {
  const std::string file = (folder_ / "s.json").string();
  EXPECT_EQ(cli_.run({"store", "snapshot", file}), 0);
  EXPECT_EQ(read_file(file).value_or(""), "the snapshot");
  EXPECT_EQ(cli_.run({"store", "restore", file}), 1);  // somebody leads
  EXPECT_NE(cli_.console.errors.find("Stop all agents"), std::string::npos);
  admin_.led = false;
  cli_.console.answers = {"y"};
  EXPECT_EQ(cli_.run({"store", "restore", file}), 0);
  EXPECT_EQ(admin_.calls, (std::vector<std::string>{"restore the snapshot"}));
  EXPECT_EQ(cli_.run({"store", "restore", (folder_ / "none").string(), "--force"}), 1);
}

TEST_F(StoreCommand, WrongUsage) {
  EXPECT_EQ(cli_.run({"store"}), 2);
  EXPECT_EQ(cli_.run({"store", "frobnicate"}), 2);
  EXPECT_EQ(cli_.run({"store", "remove"}), 2);
  EXPECT_EQ(cli_.run({"store", "status", "x"}), 2);
  EXPECT_EQ(cli_.run({"store", "add", "http://d:2380"}), 0);
  EXPECT_EQ(admin_.calls, (std::vector<std::string>{"add http://d:2380"}));
  cli_.clusters.admin = nullptr;
  EXPECT_EQ(cli_.run({"store", "status"}), 1);
  EXPECT_NE(cli_.console.errors.find("section etcd3"), std::string::npos);
}

}  // namespace
}  // namespace matriarch::ctl::testing
