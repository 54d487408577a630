// Looking after an etcd: members, alarms, leadership, contents, through the JSON gateway of one member at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/reactor.h"
#include "http/client.h"
#include "store/managed_etcd/decide.h"

namespace matriarch::managed_etcd {

struct MemberStatus {
  std::string member_id;   // decimal
  std::string cluster_id;  // decimal
  std::string leader_id;   // empty: it knows of none
  std::string version;
  std::int64_t db_size = 0;         // bytes of the file
  std::int64_t db_size_in_use = 0;  // bytes
  std::int64_t revision = 0;
  std::int64_t applied_index = 0;
  bool learner = false;
};

struct Alarm {
  std::string member_id;
  std::string kind;  // "NOSPACE", "CORRUPT"
};

struct StoredKey {
  std::string key;
  std::string value;
  bool leased = false;  // goes by itself
};
struct Contents {
  std::int64_t revision = 0;
  std::vector<StoredKey> keys;
};

// `url` is a member's client URL. Errors: kUnavailable, kTimeout, kCancelled, kProtocol of the call; kFailed: etcd
// refuses, the text is its own. Thread: the reactor's.
class EtcdAdmin {
 public:
  // `tls` may be null.
  EtcdAdmin(Reactor& reactor, std::shared_ptr<const http::TlsContext> tls);

  Task<Result<MemberStatus>> status(http::Url url, Ctx ctx);
  Task<Result<std::vector<ListedMember>>> members(http::Url url, Ctx ctx);
  Task<Result<std::vector<Alarm>>> alarms(http::Url url, Ctx ctx);

  Task<Status> add_learner(http::Url url, std::string peer_url, Ctx ctx);
  // kConflict: it is not in sync yet.
  Task<Status> promote(http::Url url, std::string member_id, Ctx ctx);
  Task<Status> remove(http::Url url, std::string member_id, Ctx ctx);
  Task<Status> set_peer_url(http::Url url, std::string member_id, std::string peer_url, Ctx ctx);

  Task<Status> compact(http::Url url, std::int64_t revision, Ctx ctx);
  Task<Status> defragment(http::Url url, Ctx ctx);
  Task<Status> disarm(http::Url url, Alarm alarm, Ctx ctx);
  // `url`: the present leader's.
  Task<Status> hand_over(http::Url url, std::string to_member_id, Ctx ctx);

  // Everything, of one revision; kTooLarge beyond 64 MiB.
  Task<Result<Contents>> contents(http::Url url, Ctx ctx);
  Task<Result<std::string>> get(http::Url url, std::string key, Ctx ctx);  // kNotFound
  Task<Status> put(http::Url url, std::string key, std::string value, Ctx ctx);
  // Holds a key for `seconds` at most; false: somebody else does.
  Task<Result<bool>> take_turn(http::Url url, std::string key, std::string who, int seconds, Ctx ctx);
  Task<Status> end_turn(http::Url url, std::string key, Ctx ctx);

 private:
  Task<Result<Value>> call(http::Url url, std::string method, Value::Map body, Ctx ctx);
  Task<Status> order(http::Url url, std::string method, Value::Map body, Ctx ctx);

  http::Client client_;
};

// What `store snapshot` writes: a JSON text with the keys that do not go by themselves, and a checksum.
std::string snapshot_text(const Contents& contents, std::string_view scope, std::string_view at);
// kInvalid: no such text, or damaged.
Result<std::vector<StoredKey>> parse_snapshot(std::string_view text);

}  // namespace matriarch::managed_etcd
