#include "base/log_queue.h"

#include <future>
#include <mutex>

#include <gtest/gtest.h>

namespace matriarch::log {
namespace {

using namespace std::chrono_literals;
constexpr Duration kPlenty = 10s;

// A destination that takes nothing until it is told to.
class Gate {
 public:
  LogQueue::Consumer consumer() {
    return [this](const Record& record) {
      if (first_) entered_.set_value();
      first_ = false;
      opened_.wait();
      const std::lock_guard lock(mutex_);
      texts_.push_back(record.text);
    };
  }
  // The writer's thread hangs in here from then on.
  void wait_until_entered() { ASSERT_EQ(entered_.get_future().wait_for(kPlenty), std::future_status::ready); }
  void open() { open_.set_value(); }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  bool first_ = true;  // the writer's
  std::promise<void> entered_;
  std::promise<void> open_;
  std::shared_future<void> opened_ = open_.get_future().share();
  std::mutex mutex_;
  std::vector<std::string> texts_;
};

std::unique_ptr<LogQueue> start(std::size_t capacity, Gate& gate) {
  auto queue = LogQueue::start(capacity, gate.consumer());
  EXPECT_TRUE(queue) << queue.error().text();
  return std::move(*queue);
}

TEST(LogQueue, WritesInOrder) {  // CFG-431
  Gate gate;
  gate.open();
  const auto queue = start(1000, gate);
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(fmt::format("record {}", i));
    queue->push({.text = expected.back()});
  }
  EXPECT_TRUE(queue->flush(kPlenty));
  EXPECT_EQ(gate.texts(), expected);
  EXPECT_EQ(queue->size(), 0u);
  EXPECT_TRUE(queue->close(kPlenty));
}

TEST(LogQueue, BlockedDestinationCostsRecordsNotTime) {  // CFG-431, CFG-432
  Gate gate;
  const auto queue = start(3, gate);
  queue->push({.text = "in the writer's hands"});
  gate.wait_until_entered();
  for (int i = 0; i < 5; ++i) queue->push({.text = fmt::format("record {}", i)});
  EXPECT_EQ(queue->size(), 3u);
  EXPECT_EQ(queue->lost(), 2u);
  EXPECT_FALSE(queue->flush(1ms));

  gate.open();
  EXPECT_TRUE(queue->close(kPlenty));
  // Told as soon as there is room: when the first record has left the full queue and was written.
  const std::vector<std::string> expected{"in the writer's hands", "record 0", "QueueHandler has lost 2 log records",
                                          "record 1", "record 2"};
  EXPECT_EQ(gate.texts(), expected);
  EXPECT_EQ(queue->lost(), 0u) << "told, and counted from the beginning again";
}

TEST(LogQueue, CloseWritesWhatIsLeft) {
  Gate gate;
  const auto queue = start(10, gate);
  for (int i = 0; i < 10; ++i) queue->push({.text = "x"});
  gate.open();
  EXPECT_TRUE(queue->close(kPlenty));
  EXPECT_EQ(gate.texts().size(), 10u);
}

TEST(LogQueue, CloseGivesUpOnABlockedDestination) {  // CFG-432: exit code 5
  auto gate = std::make_unique<Gate>();
  auto finished = std::make_shared<std::promise<void>>();
  auto done = finished->get_future();
  // Owned by the consumer alone: gone when the abandoned thread has ended.
  struct Signal {
    std::shared_ptr<std::promise<void>> promise;
    ~Signal() { promise->set_value(); }
  };
  auto signal = std::make_shared<Signal>(std::move(finished));
  auto started = LogQueue::start(2, [write = gate->consumer(), signal](Record record) { write(std::move(record)); });
  ASSERT_TRUE(started);
  signal.reset();
  auto queue = std::move(*started);
  queue->push({.text = "first"});
  gate->wait_until_entered();
  queue->push({.text = "second"});
  EXPECT_FALSE(queue->close(1ms));
  EXPECT_FALSE(queue->close(1ms)) << "and says so again";
  queue.reset();
  gate->open();
  ASSERT_EQ(done.wait_for(kPlenty), std::future_status::ready);
  EXPECT_EQ(gate->texts(), std::vector<std::string>{"first"}) << "nothing is written after the end";
}

TEST(LogQueue, CapacityCanChange) {
  Gate gate;
  const auto queue = start(1, gate);
  queue->push({.text = "in the writer's hands"});
  gate.wait_until_entered();
  queue->push({.text = "queued"});
  queue->push({.text = "lost"});
  queue->set_capacity(2);
  queue->push({.text = "queued as well"});
  EXPECT_EQ(queue->size(), 2u);
  EXPECT_EQ(queue->lost(), 1u);
  gate.open();
  EXPECT_TRUE(queue->close(kPlenty));
}

}  // namespace
}  // namespace matriarch::log
