#include "model/cluster.h"

#include <algorithm>
#include <clocale>
#include <cwctype>

#include <fmt/format.h>

#include "model/utf8.h"

namespace matriarch {

namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
  // The C library's own table, whatever the environment's locale says: every node must compute the same name.
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return utf8 == nullptr ? c : static_cast<char32_t>(::towlower_l(static_cast<wint_t>(c), utf8));
}

}  // namespace

bool SyncState::leader_matches(std::string_view name) const { return active() && same_name(leader, name); }

bool SyncState::matches(std::string_view name, bool or_leader) const {
  if (!active()) return false;
  if (or_leader && same_name(leader, name)) return true;
  return std::any_of(voters.begin(), voters.end(), [name](const std::string& voter) { return same_name(voter, name); });
}

const Member* ClusterView::member(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(), [name](const Member& m) { return m.name == name; });
  return found == members.end() ? nullptr : &*found;
}

const Member* ClusterView::leader_member() const { return is_unlocked() ? nullptr : member(leader->name); }

bool ClusterView::has_valid_system_id() const { return initialize && is_valid_system_id(*initialize); }

Timeline ClusterView::timeline() const {
  if (!history) return 0;
  if (!history->rows.empty()) return history->rows.back().timeline + 1;
  return history->is_empty_list ? 1 : 0;
}

bool ClusterView::is_empty() const {
  return !initialize && !config && !leader && members.empty() && !failover && !history && failsafe.is_null() &&
         status == StatusInfo() && sync.version.empty();
}

bool is_valid_system_id(std::string_view text) {
  return text.size() >= 10 && text.find_first_not_of("0123456789") == text.npos;
}

std::string slot_name_of_member(std::string_view member_name) {
  constexpr std::size_t kMaxLength = 63;  // NAMEDATALEN - 1
  std::string slot;
  for (std::size_t at = 0; at < member_name.size() && slot.size() < kMaxLength;) {
    const char32_t c = to_lower(next_character(member_name, at));
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
      slot += static_cast<char>(c);
    } else if (c == '-' || c == '.') {
      slot += '_';
    } else {
      slot += fmt::format("u{:04}", static_cast<std::uint32_t>(c));
    }
  }
  slot.resize(std::min(slot.size(), kMaxLength));
  return slot;
}

}  // namespace matriarch
