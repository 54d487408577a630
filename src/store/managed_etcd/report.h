// What a node tells the others about its managed etcd: GET /store. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/value.h"

namespace matriarch::managed_etcd {

// A member of the cluster that is to be made.
struct Candidate {
  std::string name;  // of the node
  std::string peer_url;

  friend auto operator<=>(const Candidate&, const Candidate&) = default;
};

// What a node has given its one vote to: the initial members, by name. The token names exactly them, and becomes etcd's.
struct Vote {
  std::string token;
  std::vector<Candidate> members;

  [[nodiscard]] bool names(std::string_view node) const;
  friend bool operator==(const Vote&, const Vote&) = default;
};
// The same for everybody who agrees on scope, partners and members.
Vote make_vote(std::string_view scope, const std::vector<std::string>& partners, std::vector<Candidate> members);

// As keys `token` and `members` of a document, on disk and on the wire. What is missing or of another type reads as empty.
void write_vote(const Vote& vote, Value::Map& map);
Vote read_vote(const Value& map);

enum class DataState {
  kNone,    // this node has no data of etcd
  kMember,  // it has
};

struct Report {
  std::string scope;
  std::string name;
  std::string instance;  // random, of this folder: tells whether an address is one's own
  DataState state = DataState::kNone;
  bool alone = false;                 // no partners configured: nobody may join
  bool lost = false;                  // it was a member, and its data is gone
  std::vector<std::string> partners;  // sorted, own address included
  Vote vote;                          // token empty: none; of a member: what it was made or joined by, if known
  std::string peer_url;
  std::string client_url;
  // For people only.
  std::string doing;      // "running", "waiting", ...
  std::string reason;     // why it does not run
  std::string member_id;  // decimal; empty: not known
  std::string cluster_id;
  bool learner = false;
  bool leader = false;
  std::int64_t db_size = 0;  // bytes
  int pid = 0;               // of etcd; 0: not running
};

Value to_value(const Report& report);
// kProtocol: not such a document.
Result<Report> parse_report(std::string_view json);

}  // namespace matriarch::managed_etcd
