// What the REST API shows of a managed etcd: GET /store and its metrics.
#pragma once

#include <functional>
#include <string>

#include "model/value.h"
#include "rest/replies.h"

namespace matriarch::rest {

// 404 where `document` is empty.
http::Response store_answer(const std::function<Value()>& document, const Replies& replies);

// In Prometheus' text format; `document` is that of GET /store.
std::string store_metrics(const Value& document);

}  // namespace matriarch::rest
