// One connection of the client. Internal to src/http.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/parser.h"
#include "http/transport.h"

namespace matriarch::http {

class ClientConnection {
 public:
  // What opening and using it needs; the values at the time of the call.
  struct Settings {
    std::shared_ptr<const ClientOptions> options;
    std::shared_ptr<const TlsContext> tls;  // not null for https
  };

  // Tries the addresses in order, each for connect_timeout at most, and so that there is time for all of them.
  static Task<Result<std::unique_ptr<ClientConnection>>> open(Reactor& reactor, std::vector<SocketAddress> addresses,
                                                              Url url, Settings settings, Ctx ctx);

  ClientConnection(Reactor& reactor, UniqueFd fd);

  // Sends a request. Adds to `sent` what has left.
  Task<Status> send(const std::string& bytes, std::size_t& sent, Ctx ctx);
  // Begins to await the response; then receive_head(), then receive_body() until it has returned false.
  void begin_response(bool to_head_request, ParseLimits limits);
  Task<Status> receive_head(Ctx ctx);
  // Reads until there is at least a byte of the body (true) or the response is complete (false).
  Task<Result<bool>> receive_body(Ctx ctx);

  [[nodiscard]] Parser& parser() { return parser_; }
  // Not a byte has come since begin_response().
  [[nodiscard]] bool nothing_received() const { return !received_; }
  // After a complete response: may another request be sent?
  [[nodiscard]] bool can_be_kept();
  // Lets go of buffers.
  void become_idle();
  // An idle connection that the server has closed, or on which it sent what nobody asked for, is of no use.
  [[nodiscard]] bool is_quiet();

  void close() { transport_.close(); }

 private:
  Task<Status> connect(SocketAddress address, Ctx ctx);
  Task<Status> handshake(const TlsContext& context, std::string host, Ctx ctx);
  // Appends to input_. False: the other side has ended the connection.
  Task<Result<bool>> fill(Ctx ctx);
  Task<Status> wait(IoState state, Ctx ctx);
  Error broken() const;

  Reactor& reactor_;
  Transport transport_;
  Parser parser_;
  std::string input_;
  bool received_ = false;
  ParseState state_ = ParseState::kNeedMore;
  ParseLimits limits_{};
  Parser::Kind kind_ = Parser::Kind::kResponse;
};

}  // namespace matriarch::http
