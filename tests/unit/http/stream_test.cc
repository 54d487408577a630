#include <gtest/gtest.h>

#include "http/client.h"
#include "tests/unit/http/support.h"

namespace matriarch::http {
namespace {

using Chunk = Result<std::optional<std::string>>;

struct Watch {
  Reactor* reactor;
  RawListener listener{reactor};
  Client client{*reactor, {}};
  std::optional<Stream> stream;
  RawPeer peer;
};

Task<void> open_into(Watch* watch) {
  auto opened = co_await watch->client.open_stream(
      {.method = "POST", .url = local_url(watch->listener.port(), "/v3/watch"), .body = "{}"}, soon(*watch->reactor));
  EXPECT_TRUE(opened.ok());
  if (opened) watch->stream.emplace(*std::move(opened));
}

// A stream whose server side is in the test's hands.
Task<void> open(Watch* watch, std::string head) {
  TaskGroup group(*watch->reactor);
  group.spawn(open_into(watch));
  watch->peer = co_await watch->listener.accept_request();
  watch->peer.send(head);
  co_await group.join();
}

constexpr auto kChunkedHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

void run(Task<void> (*scene)(Reactor*, Watch*)) {
  Reactor reactor;
  Watch watch{.reactor = &reactor};
  reactor.run_until_done(scene(&reactor, &watch));
}

Task<void> read_into(Stream* stream, Ctx ctx, std::optional<Chunk>* result) {
  *result = co_await stream->read_chunk(std::move(ctx));
}

TEST(StreamTest, DeliversBytesAsTheyArrive) {  // DCS-272
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    co_await open(watch, kChunkedHead);
    EXPECT_EQ(watch->stream->head().status, 200);
    EXPECT_EQ(watch->stream->head().content_type, "application/json");
    for (int i = 0; i < 3; ++i) {
      watch->peer.send(fmt::format("9\r\n{{\"n\": {:2}}}\r\n", i));
      const auto chunk = co_await watch->stream->read_chunk(soon(*r));
      EXPECT_EQ(chunk.ok() ? chunk->value_or("end") : chunk.error().text(), fmt::format("{{\"n\": {:2}}}", i));
    }
    watch->peer.send("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
    EXPECT_EQ((co_await watch->stream->read_chunk(soon(*r)))->value_or("end"), "abc");
    EXPECT_EQ(*co_await watch->stream->read_chunk(soon(*r)), std::nullopt);
    EXPECT_EQ(*co_await watch->stream->read_chunk(soon(*r)), std::nullopt);
    EXPECT_EQ(co_await watch->peer.read_to_end(), "{}");  // never kept
  });
}

TEST(StreamTest, ALargeBodyComesInBoundedPieces) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    co_await open(watch, "HTTP/1.0 200 OK\r\n\r\n");
    std::size_t total = 0;
    for (int i = 0; i < 20; ++i) {
      watch->peer.send(std::string(50'000, 'x'));
      while (total < 50'000U * static_cast<unsigned>(i + 1)) {
        const auto chunk = co_await watch->stream->read_chunk(soon(*r));
        EXPECT_TRUE(chunk.ok() && chunk->has_value());
        if (!chunk || !*chunk) co_return;
        EXPECT_LE((*chunk)->size(), 32U << 10);
        total += (*chunk)->size();
      }
    }
    watch->peer.close();
    EXPECT_EQ(*co_await watch->stream->read_chunk(soon(*r)), std::nullopt);
  });
}

TEST(StreamTest, CanBeReadAgainAfterATimeout) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    co_await open(watch, kChunkedHead);
    const auto nothing = co_await watch->stream->read_chunk(Ctx{.deadline = r->now() + 10ms});
    EXPECT_EQ(nothing.error().code(), Errc::kTimeout);
    watch->peer.send("1\r\na\r\n");
    EXPECT_EQ((co_await watch->stream->read_chunk(soon(*r)))->value_or("end"), "a");
  });
}

TEST(StreamTest, AStopClosesIt) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    co_await open(watch, kChunkedHead);
    std::stop_source stop;
    TaskGroup group(*r);
    std::optional<Chunk> chunk;
    group.spawn(read_into(&*watch->stream, Ctx{.stop = stop.get_token()}, &chunk));
    co_await yield_now(*r);
    co_await yield_now(*r);
    stop.request_stop();
    co_await group.join();
    EXPECT_EQ(chunk->error().code(), Errc::kCancelled);
    EXPECT_EQ(co_await watch->peer.read_to_end(), "{}");
    EXPECT_EQ((co_await watch->stream->read_chunk(soon(*r))).error().code(), Errc::kCancelled);
  });
}

TEST(StreamTest, CloseEndsAPendingRead) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    for (const bool destroy : {false, true}) {
      co_await open(watch, kChunkedHead);
      TaskGroup group(*r);
      std::optional<Chunk> chunk;
      group.spawn(read_into(&*watch->stream, soon(*r), &chunk));
      co_await yield_now(*r);
      co_await yield_now(*r);
      watch->peer.send("1\r\na\r\n");  // may be on its way when it is closed
      if (destroy) {
        watch->stream.reset();
      } else {
        watch->stream->close();
        watch->stream->close();
      }
      co_await group.join();
      EXPECT_EQ(chunk->error().code(), Errc::kCancelled);
    }
  });
}

TEST(StreamTest, ALostConnectionIsAnError) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    co_await open(watch, kChunkedHead);
    watch->peer.send("5\r\nab");
    EXPECT_EQ((co_await watch->stream->read_chunk(soon(*r)))->value_or("end"), "ab");
    watch->peer.close();
    EXPECT_EQ((co_await watch->stream->read_chunk(soon(*r))).error().code(), Errc::kUnavailable);
  });
}

TEST(StreamTest, ReadAllIsBounded) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    co_await open(watch, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nsorry");
    EXPECT_EQ(watch->stream->head().status, 503);
    EXPECT_EQ((co_await watch->stream->read_all(5, soon(*r))).value_or(""), "sorry");
    co_await open(watch, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nsorry");
    EXPECT_EQ((co_await watch->stream->read_all(4, soon(*r))).error().code(), Errc::kTooLarge);
  });
}

TEST(StreamTest, FailingToOpenIsAnError) {
  run(+[](Reactor* r, Watch* watch) -> Task<void> {
    watch->listener.close();
    const auto refused = co_await watch->client.open_stream({.url = local_url(watch->listener.port())}, soon(*r));
    EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
    RawListener silent(r);
    const auto late =
        co_await watch->client.open_stream({.url = local_url(silent.port())}, Ctx{.deadline = r->now() + 20ms});
    EXPECT_EQ(late.error().code(), Errc::kTimeout);
  });
}

}  // namespace
}  // namespace matriarch::http
