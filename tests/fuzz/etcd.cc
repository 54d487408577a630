// Answers of etcd's JSON gateway: streams of documents, and what is in them.
#include "store/etcd3/documents.h"
#include "store/etcd3/keys.h"
#include "store/etcd3/wire.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace matriarch;
using fuzz::require;

// The documents of a stream, fed in pieces; what follows an excess is dropped.
std::vector<std::string> documents(std::string_view text, std::size_t step) {
  etcd3::Documents reader(2000);
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size(); at += step) {
    auto some = reader.feed(text.substr(at, step));
    if (!some) break;
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

void read_all(const Value& reply, etcd3::Keys& keys) {
  const etcd3::Header header = etcd3::read_header(reply);
  (void)etcd3::read_lease(reply.find("ID"));
  (void)etcd3::read_number(reply.find("TTL"));
  if (const auto error = etcd3::read_error(reply)) require(error->text.size() <= 200, "texts of errors are bounded");
  const auto found = etcd3::read_key_values(reply);
  keys.replace(found, header.revision);
  for (const auto& kv : found) keys.apply_put(kv);
  for (const auto& kv : found) keys.apply_delete(kv.key, header.revision);
  (void)etcd3::read_txn(reply);
  if (const Value* result = reply.find("result"); result != nullptr) (void)etcd3::read_key_values(*result);
  (void)keys.raw();
  (void)keys.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const std::size_t step = fuzz::take_choice(text, 32) + 1;
  (void)etcd3::first_document(text);
  (void)etcd3::prefix_end(text);
  const auto all = documents(text, step);
  if (text.size() <= 2000)
    require(all == documents(text, text.size() + 1), "documents are the same however they are cut");
  etcd3::Keys keys("/service/demo/", "a");
  for (const auto& document : all) {
    if (const auto reply = parse_json(document)) read_all(*reply, keys);
  }
  return 0;
}
