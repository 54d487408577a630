// Calls of etcd's JSON gateway: finds a member that answers within the time given, proves who we are, recognises members
// that were left behind, learns which members there are (spec/dcs.md 4.1, 4.2).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/reactor.h"
#include "base/task_group.h"
#include "http/client.h"
#include "store/etcd3/endpoints.h"
#include "store/etcd3/options.h"
#include "store/etcd3/wire.h"

namespace matriarch::etcd3 {

struct Request {
  std::string method;  // "/kv/range"
  Value::Map body;
  // Does a majority stand behind every successful answer? Not so for keepalives and member lists: those are answered even
  // by a member that was left behind.
  bool by_majority = true;
  bool idempotent = true;
};

struct Reply {
  Value body;
  Header header;
  Instant sent_at;
  bool in_doubt = false;  // an earlier attempt of this call may have taken effect, too
};

// Thread: the reactor's. Join the task group before this is destroyed.
class Gateway {
 public:
  // `tls` may be null.
  Gateway(Reactor& reactor, TaskGroup& group, const Etcd3Options& options, std::shared_ptr<const http::TlsContext> tls);

  // Tries endpoint after endpoint until the Ctx's deadline (none: retry_timeout). Errors: kUnavailable (nobody answered;
  // it had no effect), kTimeout (nobody answered; it may have taken effect), kCancelled, kNotFound (our lease), kDenied
  // (credentials), kUnsupported (an etcd too old), kFailed (etcd refused it: the text says why). Texts name the endpoints.
  Task<Result<Reply>> call(Request request, Ctx ctx);

  // The body of the answer as it comes, from the current endpoint only.
  Task<Result<http::Stream>> open_stream(std::string method, Value::Map body, Ctx ctx);

  // Where calls go at present: "http://host:port"; empty while no endpoint is known.
  [[nodiscard]] std::string current_origin() const;
  // Called when calls go over to another endpoint, and when none of them answers.
  void on_moved(std::function<void()> moved) { moved_ = std::move(moved); }
  // Of the last answer that a majority stood behind. A member that reports a lower one was left behind.
  [[nodiscard]] std::uint64_t raft_term() const { return raft_term_; }

  // These instead of the configured endpoints, from now on: they are tried when no member that is known answers.
  void know(const std::vector<http::HostPort>& endpoints);

  void set_times(Duration ttl, Duration retry_timeout);
  [[nodiscard]] Duration retry_timeout() const { return times_.retry_timeout; }

 private:
  struct Times {
    Duration ttl;
    Duration retry_timeout;
  };
  enum class Verdict { kAnswered, kRefused, kEndpointFailed, kWrongPrefix, kAuthenticate, kRetry };
  struct Attempt {
    Verdict verdict = Verdict::kEndpointFailed;
    Reply reply;                // if answered
    Errc code = Errc::kFailed;  // if refused
    std::string text;           // unless answered
    bool may_have_acted = false;
    std::string token;  // that was sent
  };
  struct Progress {  // of one call()
    Instant deadline;
    Duration limit = Duration::zero();  // of one attempt
    std::size_t failures = 0;
    int pauses = 0;
    int repairs = 0;  // new tokens and prefixes
    bool in_doubt = false;
    std::map<std::string, std::string> problems;  // by origin
  };

  Task<Attempt> attempt(http::Url url, Request request, Ctx ctx);
  Attempt judge(const Request& request, const http::Exchange& exchange) const;
  Attempt judge_error(const ServerError& error) const;
  void learn(const Request& request, const Header& header);

  // What to do after an attempt that was neither answered nor refused. An error ends the call.
  Task<Status> recover(http::Url url, Attempt failed, Progress* progress, Ctx ctx);
  Task<Status> repair(http::Url url, Attempt failed, Ctx ctx);
  Task<void> after_failure(http::Url url, Progress* progress, Ctx ctx);
  Error no_answer(const Progress& progress) const;

  Task<Status> authenticate(http::Url url, std::string rejected_token, Ctx ctx);
  Task<Status> find_prefix(http::Url url, Ctx ctx);
  Task<void> discover();
  void discover_if_due();
  [[nodiscard]] bool looks_up() const;  // endpoints come from the DNS
  Task<void> look_up(Ctx ctx);
  Task<std::vector<http::Url>> look_up_srv(Ctx ctx);

  void announce_if_moved();
  Duration pause(int round);
  http::Call http_call(const http::Url& url, const std::string& method, const Value::Map& body) const;
  http::ClientOptions client_options(std::shared_ptr<const http::TlsContext> tls) const;

  Reactor& reactor_;
  TaskGroup& group_;
  const Etcd3Options options_;
  Times times_;
  Endpoints endpoints_;
  http::Client client_;
  std::minstd_rand random_;  // only to spread load and retries
  std::function<void()> moved_;
  std::string announced_origin_;

  std::map<std::string, std::string> prefixes_;  // by origin, where it is not /v3
  std::string token_;
  bool wants_token_;
  std::uint64_t cluster_id_ = 0;
  std::uint64_t raft_term_ = 0;

  bool discovering_ = false;
  bool rediscover_ = true;
  Instant discovered_at_;
};

}  // namespace matriarch::etcd3
