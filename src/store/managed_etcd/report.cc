#include "store/managed_etcd/report.h"

#include <algorithm>

#include <fmt/format.h>

#include "store/managed_etcd/fields.h"

namespace matriarch::managed_etcd {

namespace {

constexpr std::size_t kMaxNodes = 64;

// FNV-1a: the token must be the same everywhere and differ for different members; nobody is to be kept from guessing it.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 14695981039346656037ULL;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return value;
}

const Value::List& list_of(const Value& map, std::string_view key) {
  static const Value::List kEmpty;
  const Value* value = map.find(key);
  return value != nullptr && value->is_list() && value->as_list().size() <= kMaxNodes ? value->as_list() : kEmpty;
}

}  // namespace

bool Vote::names(std::string_view node) const {
  return std::ranges::any_of(members, [node](const Candidate& c) { return c.name == node; });
}

Vote make_vote(std::string_view scope, const std::vector<std::string>& partners, std::vector<Candidate> members) {
  std::ranges::sort(members);
  std::string text(scope);
  for (const std::string& partner : partners) text += "\n" + partner;
  for (const Candidate& member : members) text += "\n" + member.name + "\t" + member.peer_url;
  return {.token = fmt::format("matriarch-{:016x}", hash(text)), .members = std::move(members)};
}

void write_vote(const Vote& vote, Value::Map& map) {
  map.set("token", vote.token);
  Value::List members;
  for (const Candidate& member : vote.members) {
    Value::Map one;
    one.set("name", member.name);
    one.set("peer_url", member.peer_url);
    members.emplace_back(std::move(one));
  }
  map.set("members", std::move(members));
}

Vote read_vote(const Value& map) {
  Vote vote{.token = text_of(map, "token")};
  for (const Value& member : list_of(map, "members")) {
    vote.members.push_back({.name = text_of(member, "name"), .peer_url = text_of(member, "peer_url")});
  }
  return vote;
}

Value to_value(const Report& report) {
  Value::Map map;
  map.set("scope", report.scope);
  map.set("name", report.name);
  map.set("instance", report.instance);
  map.set("state", report.state == DataState::kMember ? "member" : "none");
  map.set("alone", report.alone);
  map.set("lost", report.lost);
  Value::List partners;
  for (const std::string& partner : report.partners) partners.emplace_back(partner);
  map.set("partners", std::move(partners));
  write_vote(report.vote, map);
  map.set("peer_url", report.peer_url);
  map.set("client_url", report.client_url);
  map.set("doing", report.doing);
  map.set("reason", report.reason);
  map.set("member_id", report.member_id);
  map.set("cluster_id", report.cluster_id);
  map.set("learner", report.learner);
  map.set("leader", report.leader);
  map.set("db_size", report.db_size);
  map.set("pid", report.pid);
  return map;
}

Result<Report> parse_report(std::string_view json) {
  const auto document = parse_json(json);
  if (!document || !document->is_map()) return Error(Errc::kProtocol, "its answer to GET /store is no JSON object");
  Report report;
  report.scope = text_of(*document, "scope");
  report.name = text_of(*document, "name");
  report.instance = text_of(*document, "instance");
  const std::string state = text_of(*document, "state");
  if (report.scope.empty() || report.name.empty() || report.instance.empty() ||
      (state != "none" && state != "member")) {
    return Error(Errc::kProtocol, "it is just starting, or runs no managed etcd (etcd3.managed)");
  }
  report.state = state == "member" ? DataState::kMember : DataState::kNone;
  report.alone = flag_of(*document, "alone");
  report.lost = flag_of(*document, "lost");
  for (const Value& partner : list_of(*document, "partners")) {
    if (partner.is_string()) report.partners.push_back(partner.as_string());
  }
  report.vote = read_vote(*document);
  report.peer_url = text_of(*document, "peer_url");
  report.client_url = text_of(*document, "client_url");
  report.doing = text_of(*document, "doing");
  report.reason = text_of(*document, "reason");
  report.member_id = text_of(*document, "member_id");
  report.cluster_id = text_of(*document, "cluster_id");
  report.learner = flag_of(*document, "learner");
  report.leader = flag_of(*document, "leader");
  report.db_size = number_of(*document, "db_size");
  report.pid = static_cast<int>(number_of(*document, "pid"));
  return report;
}

}  // namespace matriarch::managed_etcd
