#include "http/encoding.h"

#include <array>
#include <cstdint>

#include <openssl/crypto.h>

namespace matriarch::http {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNotInAlphabet = 0xff;
constexpr std::string_view kBasic = "Basic ";

consteval std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr auto kValues = make_values();

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    const unsigned group =
        byte_at(bytes, i) << 16 | (n > 1 ? byte_at(bytes, i + 1) << 8 : 0) | (n > 2 ? byte_at(bytes, i + 2) : 0);
    out += kAlphabet[group >> 18];
    out += kAlphabet[group >> 12 & 63];
    out += n > 1 ? kAlphabet[group >> 6 & 63] : '=';
    out += n > 2 ? kAlphabet[group & 63] : '=';
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_padding = i >= text.size() - padding;
    const std::uint8_t value = is_padding ? 0 : kValues[byte_at(text, i)];
    if (value == kNotInAlphabet) return std::nullopt;
    group = group << 6 | value;
    if (i % 4 != 3) continue;
    out += static_cast<char>(group >> 16 & 0xff);
    out += static_cast<char>(group >> 8 & 0xff);
    out += static_cast<char>(group & 0xff);
    group = 0;
  }
  out.resize(out.size() - padding);
  return out;
}

std::string basic_authorization(const Credentials& credentials) {
  return std::string(kBasic) + base64_encode(credentials.user + ":" + credentials.password);
}

std::optional<Credentials> parse_basic_authorization(std::string_view header) {
  if (!header.starts_with(kBasic)) return std::nullopt;
  const auto pair = base64_decode(header.substr(kBasic.size()));
  if (!pair) return std::nullopt;
  const auto colon = pair->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{.user = pair->substr(0, colon), .password = pair->substr(colon + 1)};
}

bool authorized(std::string_view header, const Credentials& expected) {
  return constant_time_equal(header, basic_authorization(expected));
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace matriarch::http
