#include "postgres/monitor.h"

namespace matriarch::postgres {

namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(3);  // PG 1.10

}  // namespace

Monitor::Monitor(Reactor& reactor, std::function<void()> lost)
    : reactor_(reactor), lost_(std::move(lost)), mutex_(reactor), watchers_(reactor) {}

void Monitor::set_target(ConnParams params) {
  if (params == params_) return;
  params_ = std::move(params);
  drop();
}

void Monitor::drop() {
  end_watch();
  session_.reset();
}

void Monitor::begin_watch() {
  watch_stop_ = std::stop_source();
  watchers_.spawn(watch(this, session_, watch_stop_.get_token()));
}

void Monitor::end_watch() { watch_stop_.request_stop(); }

Task<void> Monitor::watch(Monitor* self, std::shared_ptr<Connection> session, std::stop_token stop) {
  const auto ended = co_await session->wait_for_loss(Ctx{.stop = stop});
  if (stop.stop_requested() || (!ended && ended.error().code() == Errc::kCancelled)) co_return;
  if (self->session_ == session) self->session_.reset();
  self->lost_();
}

Task<Status> Monitor::open(Ctx ctx) {
  auto opened = co_await Connection::open(reactor_, params_, ctx.until(reactor_.now() + kConnectTimeout));
  if (!opened) co_return opened.error();
  session_ = std::move(*opened);
  server_version_ = session_->server_version();
  co_return Status();
}

Task<Status> Monitor::ensure_open(Ctx ctx) {
  const auto guard = co_await mutex_.lock(ctx);
  if (!guard) co_return guard.error();
  if (is_open()) co_return Status();
  if (auto opened = co_await open(ctx); !opened) co_return opened;
  begin_watch();
  co_return Status();
}

Task<Result<Rows>> Monitor::query(std::string sql, Ctx ctx) {
  const auto guard = co_await mutex_.lock(ctx);
  if (!guard) co_return guard.error();
  constexpr int kAttempts = 2;
  for (int attempt = 1;; ++attempt) {
    if (!is_open()) {
      const auto opened = co_await open(ctx);
      if (!opened) co_return opened.error();
    }
    end_watch();
    const auto session = session_;  // drop() may be called meanwhile
    auto rows = co_await session->query(sql, ctx);
    sqlstate_ = session->sqlstate();
    if (session->usable()) {
      if (session_ == session) begin_watch();
      co_return rows;
    }
    if (session_ == session) session_.reset();
    const bool again = attempt < kAttempts && !rows && rows.error().code() == Errc::kUnavailable;
    if (!again) co_return rows;
  }
}

Task<void> Monitor::close() {
  drop();
  watchers_.request_stop();
  co_await watchers_.join();
}

}  // namespace matriarch::postgres
