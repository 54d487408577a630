#include "base/process.h"

#include <csignal>

#include <gtest/gtest.h>

#include "base/wait.h"

namespace matriarch {
namespace {

using namespace std::chrono_literals;

TEST(RunProgram, DeliversOutputErrorsAndExitCode) {
  Reactor reactor;
  std::optional<Result<RunResult>> result;
  constexpr auto body = [](Reactor* r, std::optional<Result<RunResult>>* into) -> Task<void> {
    *into = co_await run_program(*r, {.argv = {"sh", "-c", "cat; echo problem >&2; exit 3"}}, {.input = "hello"},
                                 Ctx{.deadline = r->now() + 10s});
  };
  reactor.run_until_done(body(&reactor, &result));
  ASSERT_TRUE(result->ok()) << result->error().text();
  EXPECT_EQ((*result)->out, "hello");
  EXPECT_EQ((*result)->err, "problem\n");
  EXPECT_EQ((*result)->status.code, 3);
}

TEST(RunProgram, IsKilledAtTheDeadlineWithWhatItStarted) {
  Reactor reactor;
  const Instant begin = reactor.now();
  std::optional<Result<RunResult>> result;
  constexpr auto body = [](Reactor* r, std::optional<Result<RunResult>>* into) -> Task<void> {
    *into = co_await run_program(*r, {.argv = {"sh", "-c", "sleep 100 & sleep 100"}}, {},
                                 Ctx{.deadline = r->now() + 50ms});
  };
  reactor.run_until_done(body(&reactor, &result));
  ASSERT_FALSE(result->ok());
  EXPECT_EQ(result->error().code(), Errc::kTimeout);
  EXPECT_LT(reactor.now() - begin, 5s);
}

TEST(RunProgram, NamesAProgramThatDoesNotExist) {
  Reactor reactor;
  std::optional<Result<RunResult>> result;
  constexpr auto body = [](Reactor* r, std::optional<Result<RunResult>>* into) -> Task<void> {
    *into = co_await run_program(*r, {.argv = {"/nonexistent/initdb"}}, {}, Ctx{});
  };
  reactor.run_until_done(body(&reactor, &result));
  ASSERT_FALSE(result->ok());
  EXPECT_EQ(result->error().code(), Errc::kNotFound);
  EXPECT_NE(result->error().text().find("/nonexistent/initdb"), std::string::npos);
}

TEST(ProcessInfoTest, IdentifiesOurselves) {
  const auto info = process_info(getpid());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->ppid, getppid());
  EXPECT_GT(info->start_ticks, 0u);
}

}  // namespace
}  // namespace matriarch
