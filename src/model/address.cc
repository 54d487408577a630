// Where a member's PostgreSQL and REST API are reached (DCS-109, DCS-110).
#include "model/codec.h"

namespace matriarch {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct UrlParts {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;   // with the leading slash
  std::string_view query;  // without the question mark
};

std::optional<UrlParts> split_url(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == url.npos) return std::nullopt;
  UrlParts parts;
  parts.scheme = url.substr(0, colon);
  url.remove_prefix(colon + 3);
  url = url.substr(0, url.find('#'));
  if (const auto mark = url.find('?'); mark != url.npos) {
    parts.query = url.substr(mark + 1);
    url = url.substr(0, mark);
  }
  const auto slash = url.find('/');
  parts.authority = url.substr(0, slash);
  if (slash != url.npos) parts.path = url.substr(slash);
  return parts;
}

// One "host:port", "[::1]:port" or "host" of a list; appends to both lists.
void add_host(std::string_view item, std::string& hosts, std::string& ports) {
  std::string_view host = item;
  std::string_view port = "5432";
  const auto bracket = item.starts_with('[') ? item.find(']') : item.npos;
  const auto colon = item.find(':', bracket == item.npos ? 0 : bracket);
  if (colon != item.npos) {
    host = item.substr(0, colon);
    if (colon + 1 < item.size()) port = item.substr(colon + 1);
  }
  if (bracket != item.npos) host = item.substr(1, bracket - 1);
  if (!hosts.empty()) {
    hosts += ',';
    ports += ',';
  }
  hosts += percent_decoded(host);
  ports += port;
}

MemberAddress address_of_url(std::string_view url) {
  MemberAddress address;
  const auto parts = split_url(url);
  if (!parts) return address;
  std::string_view list = parts->authority;
  if (const auto at = list.rfind('@'); at != list.npos) list.remove_prefix(at + 1);
  std::string ports;
  while (!list.empty()) {
    const auto comma = list.find(',');
    add_host(list.substr(0, comma), address.host, ports);
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
  }
  if (!ports.empty()) address.port = ports;
  if (parts->path.size() > 1) address.dbname = percent_decoded(parts->path.substr(1));
  return address;
}

void take_text(const Value::Map& map, std::string_view key, std::string& target) {
  const Value* value = map.find(key);
  if (value != nullptr && (value->is_string() || value->is_int()) && value->truthy()) target = string_form(*value);
}

}  // namespace

MemberAddress address_of(const MemberData& data) {
  if (!data.conn_kwargs.is_map() || data.conn_kwargs.as_map().empty()) return address_of_url(data.conn_url);
  MemberAddress address;
  const Value::Map& kwargs = data.conn_kwargs.as_map();
  take_text(kwargs, "host", address.host);
  take_text(kwargs, "port", address.port);
  take_text(kwargs, "dbname", address.dbname);
  return address;
}

std::string api_endpoint(const MemberData& data, std::string_view path) {
  const auto parts = split_url(data.api_url);
  if (!parts || (parts->scheme != "http" && parts->scheme != "https") || parts->authority.empty()) return {};
  // What somebody wrote into the store goes into a request line: nothing may break out of it.
  for (const char c : parts->authority) {
    if (c <= 0x20 || c == 0x7f) return {};
  }
  return std::string(parts->scheme) + "://" + std::string(parts->authority) + std::string(path);
}

}  // namespace matriarch
