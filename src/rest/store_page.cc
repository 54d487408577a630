#include "rest/store_page.h"

#include <fmt/format.h>

#include "rest/json_text.h"

namespace matriarch::rest {

namespace {

std::string text_of(const Value& document, std::string_view key) {
  const Value* value = document.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

bool flag_of(const Value& document, std::string_view key) {
  const Value* value = document.find(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

}  // namespace

http::Response store_answer(const std::function<Value()>& document, const Replies& replies) {
  if (!document) return page(404, "This node runs no etcd of its own (etcd3.managed).");
  return replies.json(200, to_spaced_json(document()));
}

std::string store_metrics(const Value& document) {
  std::string labels =
      "scope=" + to_json(Value(text_of(document, "scope"))) + ",name=" + to_json(Value(text_of(document, "name")));
  std::string text;
  const auto gauge = [&](std::string_view name, std::string_view help, std::int64_t value) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0}{{{2}}} {3}\n", name, help, labels, value);
  };
  const Value* size = document.find("db_size");
  const bool running = text_of(document, "doing") == "running";
  gauge("matriarch_store_running", "Value is 1 if the managed etcd of this node answers.", running ? 1 : 0);
  gauge("matriarch_store_voter", "Value is 1 if it votes.", running && !flag_of(document, "learner") ? 1 : 0);
  gauge("matriarch_store_leader", "Value is 1 if it leads etcd.", flag_of(document, "leader") ? 1 : 0);
  gauge("matriarch_store_bytes", "Size of its database.", size != nullptr && size->is_int() ? size->as_int() : 0);
  return text;
}

}  // namespace matriarch::rest
