// A scripted gateway on loopback: answers each method with what the test says.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/reactor.h"
#include "http/server.h"
#include "model/value.h"

namespace matriarch::test {

struct Scripted {
  std::string body;
  int status = 200;
  Duration delay = Duration::zero();
};

class FakeEtcd {
 public:
  explicit FakeEtcd(Reactor& reactor);
  ~FakeEtcd();

  // Answers to come, by path ("/v3/kv/range"); the last one is repeated. Paths without a script: 404 "Not Found".
  std::map<std::string, std::deque<Scripted>> script;
  std::vector<http::Request> requests;  // as they came

  [[nodiscard]] http::HostPort address() const { return server_.bound().front(); }
  [[nodiscard]] int count(const std::string& path) const;

 private:
  http::Answer answer(http::Request request, Ctx ctx);

  Reactor& reactor_;
  http::Server server_;
};

// {"header":{...},<rest>}
std::string with_header(int term, int revision, const std::string& rest = {});
std::string key_values(const std::vector<std::array<std::string, 4>>& key_value_revision_lease);

}  // namespace matriarch::test
