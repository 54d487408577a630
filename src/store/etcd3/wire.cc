#include "store/etcd3/wire.h"

#include <array>
#include <utility>

#include "http/encoding.h"

namespace matriarch::etcd3 {

namespace {

std::string encoded(std::string_view bytes) { return http::base64_encode(bytes); }

std::string decoded(const Value* field) {
  if (field == nullptr || !field->is_string()) return {};
  return http::base64_decode(field->as_string()).value_or(std::string());
}

Value::Map with_key(std::string_view key) {
  Value::Map map;
  map.set("key", encoded(key));
  return map;
}

Value::Map with_prefix(std::string_view prefix) {
  Value::Map map = with_key(prefix);
  map.set("range_end", encoded(prefix_end(prefix)));
  return map;
}

Value wrapped(std::string_view name, Value::Map map) {
  Value::Map op;
  op.set(name, std::move(map));
  return op;
}

Value compare(std::string_view key, std::string_view target, std::string_view field, std::string_view operand) {
  Value::Map map = with_key(key);
  map.set("target", target);
  map.set(field, operand);
  return map;
}

}  // namespace

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Value::Map range_of_key(std::string_view key) { return with_key(key); }
Value::Map range_of_prefix(std::string_view prefix) { return with_prefix(prefix); }
Value::Map delete_prefix(std::string_view prefix) { return with_prefix(prefix); }

Value::Map put(std::string_view key, std::string_view value, std::string_view lease) {
  Value::Map map = with_key(key);
  map.set("value", encoded(value));
  if (!lease.empty()) map.set("lease", lease);
  return map;
}

Value::Map watch_prefix(std::string_view prefix, std::int64_t start_revision) {
  Value::Map create = with_prefix(prefix);
  create.set("start_revision", std::to_string(start_revision));
  Value::Map map;
  map.set("create_request", std::move(create));
  return map;
}

Value compare_absent(std::string_view key) { return compare(key, "CREATE", "create_revision", "0"); }
Value compare_version(std::string_view key, std::string_view mod_revision) {
  return compare(key, "MOD", "mod_revision", mod_revision);
}
Value compare_value(std::string_view key, std::string_view value) {
  return compare(key, "VALUE", "value", encoded(value));
}

Value op_range(Value::Map range) { return wrapped("request_range", std::move(range)); }
Value op_put(Value::Map put) { return wrapped("request_put", std::move(put)); }
Value op_delete(std::string_view key) { return wrapped("request_delete_range", with_key(key)); }

Value::Map txn(Value::List compare, Value::List success, Value::List failure) {
  Value::Map map;
  map.set("compare", std::move(compare));
  map.set("success", std::move(success));
  map.set("failure", std::move(failure));
  return map;
}

std::int64_t read_number(const Value* field) { return field == nullptr ? 0 : parse_int(*field).value_or(0); }

namespace {

// Ids use all 64 bits.
std::uint64_t read_id(const Value* field) {
  if (field == nullptr) return 0;
  std::uint64_t id = 0;
  for (const char c : string_form(*field)) {
    if (c < '0' || c > '9') return 0;
    id = id * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return id;
}

}  // namespace

std::string read_lease(const Value* field) {
  const std::int64_t id = read_number(field);
  return id == 0 ? std::string() : std::to_string(id);
}

Header read_header(const Value& reply) {
  const Value* header = reply.find("header");
  if (header == nullptr) header = reply.at("result", "header");
  if (header == nullptr) return {};
  return {.cluster_id = read_id(header->find("cluster_id")),
          .member_id = read_id(header->find("member_id")),
          .revision = read_number(header->find("revision")),
          .raft_term = read_id(header->find("raft_term"))};
}

std::optional<KeyValue> read_key_value(const Value& kv) {
  KeyValue result;
  result.key = decoded(kv.find("key"));
  if (result.key.empty()) return std::nullopt;
  result.value = decoded(kv.find("value"));
  result.mod_revision = read_number(kv.find("mod_revision"));
  result.create_revision = read_number(kv.find("create_revision"));
  result.lease = read_lease(kv.find("lease"));
  return result;
}

std::vector<KeyValue> read_key_values(const Value& range_reply) {
  std::vector<KeyValue> result;
  const Value* kvs = range_reply.find("kvs");
  if (kvs == nullptr || !kvs->is_list()) return result;
  for (const Value& kv : kvs->as_list()) {
    if (auto read = read_key_value(kv)) result.push_back(std::move(*read));
  }
  return result;
}

TxnReply read_txn(const Value& reply) {
  TxnReply result;
  const Value* succeeded = reply.find("succeeded");
  result.succeeded = succeeded != nullptr && succeeded->truthy();
  const Value* responses = reply.find("responses");
  if (responses == nullptr || !responses->is_list()) return result;
  for (const Value& response : responses->as_list()) {
    if (const Value* range = response.find("response_range")) result.range = read_key_values(*range);
  }
  return result;
}

namespace {

struct KnownText {
  std::string_view text;
  ErrorKind kind;
};

constexpr std::array kKnownTexts{
    KnownText{"etcdserver: requested lease not found", ErrorKind::kLeaseNotFound},
    KnownText{"etcdserver: user name is empty", ErrorKind::kAuthenticate},
    KnownText{"etcdserver: permission denied", ErrorKind::kAuthenticate},
    KnownText{"etcdserver: invalid auth token", ErrorKind::kAuthenticate},
    KnownText{"etcdserver: revision of auth store is old", ErrorKind::kAuthenticate},
    KnownText{"etcdserver: authentication failed, invalid user ID or password", ErrorKind::kBadCredentials},
    KnownText{"etcdserver: authentication is not enabled", ErrorKind::kAuthDisabled},
    KnownText{"not a primary lessor", ErrorKind::kUnavailable},
    KnownText{"context deadline exceeded", ErrorKind::kRetry},
};

// Codes of gRPC.
ErrorKind kind_of_code(std::int64_t code) {
  switch (code) {
    case 4: return ErrorKind::kRetry;  // deadline exceeded
    case 9: return ErrorKind::kRetry;  // failed precondition
    case 14: return ErrorKind::kUnavailable;
    case 16: return ErrorKind::kAuthenticate;
    default: return ErrorKind::kRefused;
  }
}

ServerError classify(std::string text, std::int64_t code) {
  constexpr std::size_t kMaxText = 200;
  ServerError error;
  error.kind = kind_of_code(code);
  for (const KnownText& known : kKnownTexts) {
    if (text == known.text) error.kind = known.kind;
  }
  error.text = text.substr(0, kMaxText);
  return error;
}

const Value* first_of(const Value& map, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (const Value* found = map.find(key)) return found;
  }
  return nullptr;
}

}  // namespace

std::optional<ServerError> read_error(const Value& reply) {
  const Value* error = first_of(reply, {"error", "Error"});
  if (error == nullptr || error->is_null()) return std::nullopt;
  const Value& source = error->is_map() ? *error : reply;
  const Value* text = error->is_map() ? error->find("message") : error;
  const Value* code = first_of(source, {"grpc_code", "code", "Code"});
  return classify(text == nullptr ? "unknown error" : string_form(*text), code == nullptr ? 2 : read_number(code));
}

}  // namespace matriarch::etcd3
