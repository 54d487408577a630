// Texts of the store's keys. The first byte chooses the key: '0' member ... '8' the whole cluster.
#include <algorithm>

#include "model/codec.h"
#include "model/timestamp.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace matriarch;
using fuzz::require;

void check_member(std::string_view text) {
  Complaints complaints;
  const Member first = read_member("m", text, "1", complaints);
  const std::string written = write_member(first.data);
  const Member second = read_member("m", written, "1", complaints);
  require(write_member(second.data) == written, "a member that was written is read back the same");
  require(second.data.state == first.data.state && second.data.role == first.data.role, "state and role are kept");
  (void)address_of(first.data);
  (void)api_endpoint(first.data, "/liveness");
  (void)published_tags(first.data.tags);
  require(first.data.tags.failover_priority() >= 0, "priorities are not negative");
}

void check_status(std::string_view text) {
  Complaints complaints;
  const StatusInfo first = read_status(text, complaints);
  require(read_status(write_status(first), complaints) == first, "/status that was written is read back the same");
}

void check_sync(std::string_view text) {
  Complaints complaints;
  const SyncState first = read_sync(text, "1", complaints);
  const SyncState second = read_sync(write_sync(first.leader, first.voters, first.quorum), "1", complaints);
  if (!first.active()) return;
  const auto sorted = [](std::vector<std::string> names) {
    std::ranges::sort(names);
    return names;
  };
  require(
      second.leader == first.leader && sorted(second.voters) == sorted(first.voters) && second.quorum == first.quorum,
      "/sync that was written is read back the same");
  require(first.matches(first.leader, true), "the leader belongs to its own /sync");
}

void check_failover(std::string_view text) {
  Complaints complaints;
  const FailoverRequest first = read_failover(text, "1", complaints);
  const auto second =
      read_failover(write_failover(first.leader, first.candidate, first.scheduled_at_text), "1", complaints);
  require(
      second.leader == first.leader && second.candidate == first.candidate && second.scheduled_at == first.scheduled_at,
      "/failover that was written is read back the same");
}

void check_history(std::string_view text) {
  Complaints complaints;
  const History first = read_history(text, complaints);
  const std::string written = write_history(first.rows);
  require(write_history(read_history(written, complaints).rows) == written,
          "/history that was written is read back the same");
}

// Keys and values by turns, separated by 0xFF.
void check_cluster(std::string_view text) {
  std::vector<RawKey> keys;
  while (!text.empty() && keys.size() < 50) {
    const std::string_view key = fuzz::take_part(text);
    keys.push_back(
        {.key = std::string(key), .value = std::string(fuzz::take_part(text)), .version = "1", .session = "7"});
  }
  Complaints complaints;
  const ClusterView view = read_cluster(keys, complaints);
  (void)view.timeline();
  (void)view.is_empty();
  for (const auto& member : view.members) {
    require(slot_name_of_member(member.name).size() <= 63, "names of slots fit");
    require(view.member(member.name) != nullptr, "members are found by name");
  }
}

void check_words(std::string_view text) {
  if (const auto lsn = parse_lsn(text)) require(parse_lsn(to_string(*lsn)) == lsn, "positions are read back the same");
  if (const auto time = parse_timestamp(text)) {
    if (const auto again = parse_timestamp(to_iso8601(*time))) require(again == time, "times are read back the same");
  }
  (void)read_timestamp(text);
  for (const char c : slot_name_of_member(text)) {
    require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_', "names of slots are names of slots");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  Complaints complaints;
  switch (fuzz::take_choice(text, 9)) {
    case 0: check_member(text); break;
    case 1: check_status(text); break;
    case 2: check_sync(text); break;
    case 3: check_failover(text); break;
    case 4: check_history(text); break;
    case 5: (void)read_config(text, "1", complaints); break;
    case 6:
      (void)read_failsafe(text, complaints);
      (void)read_legacy_optime(text, complaints);
      break;
    case 7: check_words(text); break;
    default: check_cluster(text); break;
  }
  return 0;
}
