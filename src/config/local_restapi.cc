#include <algorithm>

#include <fmt/format.h>

#include "config/local_parts.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

// API-001..004. A text without a port does not start.
Result<HostPort> read_listen(const Reader& restapi) {
  const std::string text = restapi.text("listen");
  if (text.empty()) return Error(Errc::kInvalid, "Can not find \"restapi.listen\" config");
  auto address = parse_host_port(text, 0);
  if (!address || address->port == 0) {
    return Error(
        Errc::kInvalid,
        fmt::format("Invalid \"restapi\" config: expected <HOST>:<PORT> for \"listen\", but got \"{}\"", text));
  }
  if (address->host == "*") address->host.clear();
  return address;
}

HostPort read_connect_address(const Reader& restapi, const HostPort& fallback) {
  const std::string text = restapi.text("connect_address");
  if (text.empty()) return fallback;
  auto address = parse_host_port(text, 0);
  if (address && !address->host.empty()) return std::move(*address);
  restapi.wrong("connect_address", Value(text), "must be <host>:<port>");
  return fallback;
}

int read_pool_size(const Reader& reader, std::string_view key) {
  constexpr std::int64_t kMinPool = 5;
  constexpr std::int64_t kMaxPool = 1024;
  const std::int64_t size = reader.integer(key, kMinPool);
  return static_cast<int>(std::clamp(size, kMinPool, kMaxPool));  // CFG-008, CFG-099: too small counts as 5
}

// API-087, API-088: a wrong list is no list.
std::vector<std::string> read_allowlist(const Reader& restapi) { return restapi.texts("allowlist"); }

// Header names and values come from the operator; a line break in one would let it forge responses.
TextPairs read_headers(const Reader& restapi, std::string_view key) {
  TextPairs headers;
  for (auto& [name, value] : restapi.pairs(key)) {
    const bool name_ok = !name.empty() && name.find_first_of(" :\r\n\t") == std::string::npos;
    if (name_ok && value.find_first_of("\r\n") == std::string::npos) {
      headers.emplace_back(std::move(name), std::move(value));
    } else {
      restapi.warn(fmt::format("{}: the header '{}' is no valid header and is skipped", restapi.path_of(key), name));
    }
  }
  return headers;
}

}  // namespace

std::string RestApiConfig::base_url() const { return (tls() ? "https://" : "http://") + to_string(connect_address); }

Result<BasicAuth> read_basic_auth(const Reader& authentication) {
  BasicAuth auth{.username = authentication.text("username"), .password = authentication.secret("password")};
  if (auth.username.empty() == auth.password.empty()) return auth;
  return Error(Errc::kInvalid, fmt::format("{} is set but {} is not; set both or neither",
                                           authentication.path_of(auth.username.empty() ? "password" : "username"),
                                           authentication.path_of(auth.username.empty() ? "username" : "password")));
}

Result<RestApiConfig> read_restapi(const Reader& restapi) {
  RestApiConfig config;
  auto listen = read_listen(restapi);
  if (!listen) return listen.error();
  config.listen = *listen;
  config.connect_address = read_connect_address(restapi, config.listen);
  auto auth = read_basic_auth(restapi.section("authentication"));
  if (!auth) return auth.error();
  config.authentication = std::move(*auth);
  config.certfile = restapi.text("certfile");
  config.keyfile = restapi.text("keyfile");
  config.keyfile_password = restapi.secret("keyfile_password");
  config.cafile = restapi.text("cafile");
  config.ciphers = restapi.text("ciphers");
  config.verify_client = restapi.choice(
      "verify_client", VerifyClient::kNone,
      {{"none", VerifyClient::kNone}, {"optional", VerifyClient::kOptional}, {"required", VerifyClient::kRequired}});
  config.allowlist = read_allowlist(restapi);
  config.allowlist_include_members = restapi.boolean("allowlist_include_members", false);
  config.http_extra_headers = read_headers(restapi, "http_extra_headers");
  config.https_extra_headers = read_headers(restapi, "https_extra_headers");
  config.request_queue_size =
      static_cast<int>(restapi.integer("request_queue_size", config.request_queue_size, 0, 4096));
  config.thread_pool_size = read_pool_size(restapi, "thread_pool_size");
  config.server_tokens = restapi.choice("server_tokens", ServerTokens::kOriginal,
                                        {{"minimal", ServerTokens::kMinimal},
                                         {"productonly", ServerTokens::kProductOnly},
                                         {"original", ServerTokens::kOriginal}});
  return config;
}

Result<CtlConfig> read_ctl(const Reader& ctl, const Reader& restapi) {
  CtlConfig config;
  // The pair is taken from one section as a whole (CFG-102).
  const Reader own = ctl.section("authentication");
  auto auth = read_basic_auth(own.has("username") || own.has("password") ? own : restapi.section("authentication"));
  if (!auth) return auth.error();
  config.authentication = std::move(*auth);
  config.insecure = ctl.boolean("insecure", false);
  config.cacert = ctl.text("cacert", restapi.text("cafile"));
  config.certfile = ctl.text("certfile");
  config.keyfile = ctl.text("keyfile");
  config.keyfile_password = ctl.secret("keyfile_password");
  return config;
}

}  // namespace matriarch::config
