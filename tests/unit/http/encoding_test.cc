#include "http/encoding.h"

#include <gtest/gtest.h>

namespace matriarch::http {
namespace {

TEST(Base64, RoundTripsTheKnownVectors) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(base64_encode(plain), encoded);
    EXPECT_EQ(base64_decode(encoded), plain);
  }
}

TEST(Base64, RoundTripsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t n = 0; n <= bytes.size(); ++n)
    EXPECT_EQ(base64_decode(base64_encode(bytes.substr(0, n))), bytes.substr(0, n));
}

TEST(Base64, RefusesWhatIsNotBase64) {
  for (const char* text : {"A", "AA", "AAA", "A===", "====", "AA=A", "AA AA===", "AAA\n", "AA==AAAA", "A-_A"}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

TEST(BasicAuthorization, MatchesExactly) {  // API-083, API-085
  const Credentials expected{.user = "admin", .password = "p:ä"};
  const auto header = basic_authorization(expected);
  EXPECT_TRUE(authorized(header, expected));
  EXPECT_FALSE(authorized(header + " ", expected));
  EXPECT_FALSE(authorized("basic " + header.substr(6), expected));
  EXPECT_FALSE(authorized("", expected));
  EXPECT_FALSE(authorized(header, {.user = "admin", .password = "p"}));
  const auto parsed = parse_basic_authorization(header);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->user, "admin");
  EXPECT_EQ(parsed->password, "p:ä");
  EXPECT_FALSE(parse_basic_authorization("Bearer x").has_value());
  EXPECT_FALSE(parse_basic_authorization("Basic Zm9v").has_value());
}

}  // namespace
}  // namespace matriarch::http
