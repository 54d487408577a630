// Asking the partners' REST APIs what they know: GET /store.
#pragma once

#include <memory>
#include <vector>

#include "base/reactor.h"
#include "http/client.h"
#include "store/managed_etcd/decide.h"
#include "store/managed_etcd/options.h"

namespace matriarch::managed_etcd {

// Thread: the reactor's.
class Partners {
 public:
  // `tls`: for https; may be null otherwise.
  Partners(Reactor& reactor, const ManagedOptions& options, std::shared_ptr<const http::TlsContext> tls);

  // All at once; an answer for each but the own address.
  Task<std::vector<Answer>> ask(Ctx ctx);

  // Every partner, own address included, sorted: what all nodes of a first bootstrap must agree on.
  [[nodiscard]] const std::vector<std::string>& all() const { return all_; }

 private:
  Task<void> ask_one(http::HostPort address, Answer* into, Ctx ctx);

  Reactor& reactor_;
  bool https_;
  std::vector<http::HostPort> others_;
  std::vector<std::string> all_;
  http::Client client_;
};

}  // namespace matriarch::managed_etcd
