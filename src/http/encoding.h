// Base64 and HTTP basic authentication.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace matriarch::http {

std::string base64_encode(std::string_view bytes);
// Standard alphabet; padding is required; nullopt for anything else (whitespace included).
std::optional<std::string> base64_decode(std::string_view text);

struct Credentials {
  std::string user;
  std::string password;
};

// "Basic dXNlcjpwYXNz": the value of an Authorization header.
std::string basic_authorization(const Credentials& credentials);
std::optional<Credentials> parse_basic_authorization(std::string_view header);
// Exactly `Basic ` and the base64 of user:password, in constant time, no tolerance for blanks (API-083, API-085).
bool authorized(std::string_view header, const Credentials& expected);

// Takes time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace matriarch::http
