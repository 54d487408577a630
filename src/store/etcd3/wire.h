// The JSON of etcd's gateway: requests out of plain values, replies into plain values (DCS-239..256, DCS-278..286). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"

namespace matriarch::etcd3 {

// In every reply. Absent fields are 0.
struct Header {
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::int64_t revision = 0;
  std::uint64_t raft_term = 0;
};

struct KeyValue {
  std::string key;
  std::string value;
  std::int64_t mod_revision = 0;
  std::int64_t create_revision = 0;  // of the key's present life: a deletion ends it
  std::string lease;  // decimal; empty: none
};

// --- requests
std::string prefix_end(std::string_view prefix);  // DCS-249; empty if there is none ("\xff")

Value::Map range_of_key(std::string_view key);
Value::Map range_of_prefix(std::string_view prefix);
Value::Map put(std::string_view key, std::string_view value, std::string_view lease);
Value::Map delete_prefix(std::string_view prefix);
Value::Map watch_prefix(std::string_view prefix, std::int64_t start_revision);

Value compare_absent(std::string_view key);
Value compare_version(std::string_view key, std::string_view mod_revision);
Value compare_value(std::string_view key, std::string_view value);

Value op_range(Value::Map range);
Value op_put(Value::Map put);
Value op_delete(std::string_view key);

Value::Map txn(Value::List compare, Value::List success, Value::List failure);

// --- replies
Header read_header(const Value& reply);        // also of {"result":{"header":...}}
std::int64_t read_number(const Value* field);  // 64-bit numbers come as text; 0 if absent or neither
std::string read_lease(const Value* field);    // "" for absent and 0
std::optional<KeyValue> read_key_value(const Value& kv);
std::vector<KeyValue> read_key_values(const Value& range_reply);

struct TxnReply {
  bool succeeded = false;
  // Of the branch that was taken: what its (only) range found; absent if it had none.
  std::optional<std::vector<KeyValue>> range;
};
TxnReply read_txn(const Value& reply);

enum class ErrorKind {
  kLeaseNotFound,
  kAuthenticate,  // a new token may help
  kAuthDisabled,  // answer to an authentication that is not needed
  kBadCredentials,
  kUnavailable,  // this member cannot serve now: another may
  kRetry,        // later
  kRefused,      // definite
};

struct ServerError {
  ErrorKind kind = ErrorKind::kRefused;
  std::string text;  // bounded
};

// The error in a JSON reply, whatever its HTTP status; absent if it is none (DCS-278..286).
std::optional<ServerError> read_error(const Value& reply);

}  // namespace matriarch::etcd3
