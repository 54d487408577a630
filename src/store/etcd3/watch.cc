// The watch of a Mirror (DCS-270..274).
#include "base/log.h"
#include "base/wait.h"
#include "store/etcd3/documents.h"
#include "store/etcd3/mirror.h"

namespace matriarch::etcd3 {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxDocument = 64u << 20;
constexpr Duration kFirstPause = 50ms;
constexpr Duration kLongestPause = 1s;

}  // namespace

void Mirror::start_watching() {
  if (!watching_ || watch_runs_ || group_.stop_token().stop_requested()) return;
  watch_runs_ = true;
  group_.spawn(watch_for_ever());
}

void Mirror::restart_watch() {
  ++watch_number_;
  watch_is_healthy_ = false;
  if (stream_) stream_->close();
}

Task<void> Mirror::watch_for_ever() {
  const Ctx ctx{.stop = group_.stop_token()};
  Duration pause = kFirstPause;
  bool range_is_current = true;  // load() has just read one
  while (!ctx.stop.stop_requested()) {
    if (!range_is_current) {
      const Status read = co_await read_all(ctx.until(reactor_.now() + gateway_.retry_timeout()));
      range_is_current = read.ok();
    }
    if (range_is_current && co_await watch_once()) pause = kFirstPause;
    range_is_current = false;
    watch_is_healthy_ = false;
    (void)co_await sleep_until(reactor_, reactor_.now() + pause, ctx);  // a stop ends the loop
    pause = std::min(2 * pause, kLongestPause);
  }
}

Task<bool> Mirror::watch_once() {
  const Ctx ctx{.stop = group_.stop_token()};
  const int number = watch_number_;
  const std::int64_t start = keys_.revision() + 1;
  watched_revision_ = keys_.revision();
  auto opened = co_await gateway_.open_stream("/watch", watch_prefix(keys_.prefix(), start),
                                              ctx.until(reactor_.now() + gateway_.retry_timeout()));
  if (!opened.ok() || number != watch_number_) co_return false;  // meanwhile calls may have gone over to another member
  stream_.emplace(*std::move(opened));
  Documents documents(kMaxDocument);
  std::string why;
  bool ran = false;
  for (bool good = true; good;) {
    const auto chunk = co_await stream_->read_chunk(ctx);
    if (!chunk.ok() || !chunk->has_value()) break;
    const auto complete = documents.feed(**chunk);
    if (!complete.ok()) why = complete.error().text();
    good = complete.ok();
    for (std::size_t i = 0; good && i < complete->size(); ++i) good = take_document((*complete)[i], why);
    ran |= watch_is_healthy_;
  }
  if (!why.empty()) log::info("etcd: the watch at {} ended: {}", gateway_.current_origin(), why);
  stream_->close();
  stream_.reset();
  co_return ran;
}

bool Mirror::take_document(const std::string& text, std::string& why) {
  const Result<Value> document = parse_json(text);
  if (!document.ok()) {
    why = document.error().text();
    return false;
  }
  if (const auto error = read_error(*document)) {  // DCS-273: inside a reply with status 200
    why = error->text;
    return false;
  }
  const Value* result = document->find("result");
  if (result == nullptr) return true;
  const Value* canceled = result->find("canceled");
  if (canceled != nullptr && canceled->truthy()) {
    const Value* reason = result->find("cancel_reason");
    why = reason != nullptr ? string_form(*reason).substr(0, 200) : "cancelled by etcd";
    if (const Value* compacted = result->find("compact_revision")) why += ", compacted at " + string_form(*compacted);
    return false;
  }
  const Header header = read_header(*document);
  if (header.raft_term < gateway_.raft_term()) {
    why = "that member was left behind";
    return false;
  }
  watch_is_healthy_ = true;
  take_events(*result);
  return true;
}

void Mirror::take_events(const Value& result) {
  const Value* events = result.find("events");
  if (events == nullptr || !events->is_list()) return;
  bool wakes = false;
  for (const Value& event : events->as_list()) {
    const Value* kv = event.find("kv");
    const auto read = kv == nullptr ? std::nullopt : read_key_value(*kv);
    if (!read) continue;
    const Value* type = event.find("type");
    const bool deleted = type != nullptr && type->is_string() && type->as_string() == "DELETE";
    wakes |= deleted ? keys_.apply_delete(read->key, read->mod_revision) : keys_.apply_put(*read);
    watched_revision_ = std::max(watched_revision_, read->mod_revision);
  }
  if (wakes) changed_something();
}

}  // namespace matriarch::etcd3
