#include "http/url.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace matriarch::http {

namespace {

constexpr std::size_t kUrlLimit = 8192;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_ipv6(std::string_view host) {
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(host.substr(0, host.find('%'))).c_str(), &address) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

Error invalid_address(std::string_view text) {
  return Error(Errc::kInvalid, fmt::format("\"{}\" is not an address of the form <HOST>:<PORT>", text));
}

// "[host]" and "[host]:port".
Result<HostPort> parse_bracketed(std::string_view text, std::uint16_t default_port) {
  const auto close = text.find(']');
  if (close == std::string_view::npos) return invalid_address(text);
  HostPort address{.host = std::string(text.substr(1, close - 1)), .port = default_port};
  const auto rest = text.substr(close + 1);
  if (rest.starts_with(':')) {
    const auto port = parse_port(rest.substr(1));
    if (!port) return invalid_address(text);
    address.port = *port;
  } else if (!rest.empty() || default_port == 0) {
    return invalid_address(text);
  }
  if (!is_ipv6(address.host)) return invalid_address(text);
  return address;
}

// Decodes %XX in place of copying errors around: what is broken stays as it is, and is reported through `broken`.
std::string decoded(std::string_view text, bool plus_is_blank, bool& broken) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else if (i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      broken = true;
      out += '%';
    }
  }
  return out;
}

std::string query_decoded(std::string_view text) {
  bool broken = false;
  return decoded(text, true, broken);
}

bool fit_for_request_line(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c != 0x7f; });
}

}  // namespace

std::string to_string(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address.host, brackets ? "]" : "", address.port);
}

Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with('[')) return parse_bracketed(text, default_port);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    if (default_port == 0) return invalid_address(text);
    return HostPort{.host = std::string(text), .port = default_port};
  }
  const auto host = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  if (port && (host.find(':') == std::string_view::npos || is_ipv6(host))) {
    return HostPort{.host = std::string(host), .port = *port};
  }
  if (default_port != 0 && is_ipv6(text)) return HostPort{.host = std::string(text), .port = default_port};
  return invalid_address(text);
}

Url Url::with_target(std::string new_target) const {
  Url url = *this;
  url.target = std::move(new_target);
  return url;
}

std::string Url::origin() const { return scheme + "://" + to_string(address); }

Result<Url> parse_url(std::string_view text, std::uint16_t default_port) {
  // The text itself may hold a password and is therefore not quoted.
  const auto invalid = [](std::string_view why) {
    return Error(Errc::kInvalid, fmt::format("invalid URL: {}; expected http(s)://host[:port][/path]", why));
  };
  if (text.size() > kUrlLimit) return invalid("too long");
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return invalid("no scheme");
  Url url;
  url.scheme = text.substr(0, scheme_end);
  std::ranges::transform(url.scheme, url.scheme.begin(), [](unsigned char c) { return std::tolower(c); });
  if (url.scheme != "http" && url.scheme != "https") return invalid("the scheme is neither http nor https");

  text.remove_prefix(scheme_end + 3);
  const auto authority_end = std::min(text.find_first_of("/?#"), text.size());
  auto authority = text.substr(0, authority_end);
  auto target = text.substr(authority_end);
  target = target.substr(0, target.find('#'));
  if (!fit_for_request_line(target)) return invalid("blanks or control characters in the path");
  url.target = (target.starts_with('/') ? "" : "/") + std::string(target);

  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const auto user_info = authority.substr(0, at);
    const auto colon = std::min(user_info.find(':'), user_info.size());
    bool broken = false;
    url.user = decoded(user_info.substr(0, colon), false, broken);
    if (colon < user_info.size()) url.password = decoded(user_info.substr(colon + 1), false, broken);
    if (broken) return invalid("a % without two hexadecimal digits in user or password");
    authority.remove_prefix(at + 1);
  }
  const std::uint16_t scheme_port = url.tls() ? 443 : 80;
  auto address = parse_host_port(authority, default_port != 0 ? default_port : scheme_port);
  if (!address) return invalid(address.error().text());
  if (address->host.empty() || address->port == 0) return invalid("no host, or port 0");
  if (!fit_for_request_line(address->host)) return invalid("blanks or control characters in the host");
  url.address = *std::move(address);
  return url;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  bool broken = false;
  auto out = decoded(text, false, broken);
  if (broken) return std::nullopt;
  return out;
}

Query parse_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto item = text.substr(0, end);
    const auto equals = item.find('=');
    if (equals != std::string_view::npos && equals + 1 < item.size()) {
      query.emplace_back(query_decoded(item.substr(0, equals)), query_decoded(item.substr(equals + 1)));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return query;
}

std::string encode_query(const Query& query) {
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out += '&';
    out += percent_encode(name) + "=" + percent_encode(value);
  }
  return out;
}

std::string path_of_target(std::string_view target) {
  auto path = target.substr(0, target.find_first_of("?#"));
  // The absolute form, which is meant for proxies but has to be understood.
  if (path.starts_with("http://") || path.starts_with("https://")) {
    const auto slash = path.find('/', path.find("://") + 3);
    path = slash == std::string_view::npos ? "/" : path.substr(slash);
  }
  const auto last_slash = std::min(path.rfind('/'), path.size());
  path = path.substr(0, path.find(';', last_slash));
  while (path.starts_with("//")) path.remove_prefix(1);
  return std::string(path);
}

Query query_of_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  return mark == std::string_view::npos ? Query() : parse_query(target.substr(mark + 1));
}

bool is_numeric_address(std::string_view host) {
  in_addr v4{};
  return inet_pton(AF_INET, std::string(host).c_str(), &v4) == 1 || is_ipv6(host);
}

}  // namespace matriarch::http
