// Names to addresses without blocking the reactor. Internal to src/http.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/reactor.h"
#include "base/result.h"
#include "base/task.h"
#include "http/socket.h"
#include "http/url.h"

namespace matriarch::http {

// Each name that has to be looked up takes a thread for as long as that lasts, so that a dead name server delays only
// the names it is asked for, never the end of the program; numeric addresses take none.
class Resolver {
 public:
  explicit Resolver(Reactor& reactor);
  ~Resolver();

  struct Lifetime {
    Duration success;
    Duration failure;
  };
  // At least one address, in the system's order of preference. kUnavailable names the host. When a lookup fails, former
  // addresses of the name go on being used.
  Task<Result<std::vector<SocketAddress>>> resolve(HostPort address, Lifetime lifetime, Ctx ctx);

  // The next resolve() looks the name up again.
  void expire(const std::string& host);
  void expire_all();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace matriarch::http
