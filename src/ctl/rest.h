// Calls to the REST API of members (CTL-050..054).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "base/scheduler.h"
#include "model/cluster.h"
#include "model/value.h"

namespace matriarch::ctl {

struct RestCall {
  std::string method = "GET";
  std::string url;                // of the endpoint
  std::optional<Value> body;      // sent as JSON
};

struct RestReply {
  int status = 0;
  std::string text;
};

struct RestOutcome {
  Result<RestReply> reply;   // any complete answer is a value
  bool sent = false;         // without an answer: it may have taken effect all the same
};

class Rest {
 public:
  virtual ~Rest() = default;
  // A connection that fails is tried three times more, at once; what was sent is never sent again (CTL-052).
  virtual Task<RestOutcome> call(RestCall call, Ctx ctx) = 0;
};

}  // namespace matriarch::ctl
