// The port `Peers` over the members' REST APIs.
#pragma once

#include <memory>

#include "base/reactor.h"
#include "http/client.h"
#include "peers/options.h"
#include "ports/peers.h"

namespace matriarch::peers {

// Thread: the reactor's.
class HttpPeers final : public Peers {
 public:
  // Reads the TLS files. kInvalid, kNotFound, kDenied: the text names the setting.
  static Result<std::unique_ptr<HttpPeers>> create(Reactor& reactor, const PeersOptions& options);

  Task<std::vector<PeerStatus>> poll(std::vector<Member> members, Ctx ctx) override;
  Task<std::vector<FailsafeAnswer>> post_failsafe(std::vector<std::pair<std::string, std::string>> name_and_url,
                                                  FailsafeMessage message, Ctx ctx) override;
  Task<Result<PeerReply>> change_config(Member member, std::string method, Value body, Ctx ctx) override;
  Task<bool> is_alive(Member member, Ctx ctx) override;

 private:
  HttpPeers(Reactor& reactor, const PeersOptions& options, std::shared_ptr<const http::TlsContext> tls);

  [[nodiscard]] Result<http::Call> call(std::string method, std::string_view url) const;
  Task<void> ask(Member member, PeerStatus* into, Ctx ctx);
  Task<void> post(std::string url, std::string body, FailsafeAnswer* into, Ctx ctx);

  Reactor& reactor_;
  std::string authorization_;  // header value, or empty
  http::Client client_;
};

}  // namespace matriarch::peers
