#include "http/url.h"

#include <gtest/gtest.h>

namespace matriarch::http {
namespace {

HostPort address(std::string_view text, std::uint16_t default_port = 0) {
  auto parsed = parse_host_port(text, default_port);
  return parsed ? *parsed : HostPort{.host = "invalid: " + parsed.error().text()};
}

TEST(HostPortTest, SplitsAtTheLastColon) {  // API-001, DCS-224
  EXPECT_EQ(address("127.0.0.1:8008"), (HostPort{"127.0.0.1", 8008}));
  EXPECT_EQ(address("[::1]:8008"), (HostPort{"::1", 8008}));
  EXPECT_EQ(address("::1:8008"), (HostPort{"::1", 8008}));
  EXPECT_EQ(address(":::8008"), (HostPort{"::", 8008}));
  EXPECT_EQ(address("*:8008"), (HostPort{"*", 8008}));
  EXPECT_EQ(address(":8008"), (HostPort{"", 8008}));
  EXPECT_EQ(address("db-1.example.org", 2379), (HostPort{"db-1.example.org", 2379}));
  EXPECT_EQ(address("fe80::1", 2379), (HostPort{"fe80::1", 2379}));
  EXPECT_EQ(address("fe80::2:1", 2379), (HostPort{"fe80::2", 1}));
  EXPECT_EQ(address("::1", 2379), (HostPort{"::1", 2379}));
  EXPECT_EQ(address("[fe80::1]", 2379), (HostPort{"fe80::1", 2379}));
  EXPECT_EQ(to_string(HostPort{"::1", 80}), "[::1]:80");
  EXPECT_EQ(to_string(HostPort{"a", 80}), "a:80");
}

TEST(HostPortTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "localhost", "a:b", "a:70000", "a:-1", "[::1", "[::1]x", "[a]:80", "a:b:80", "[::1]"}) {
    const auto parsed = parse_host_port(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code(), Errc::kInvalid);
    EXPECT_NE(parsed.error().text().find(fmt::format("\"{}\"", text)), std::string::npos);
  }
}

TEST(UrlTest, HasItsParts) {
  const auto url = parse_url("HTTPS://us%40er:p%3Aw@[::1]:2379/v3/kv?x=1#frag");
  ASSERT_TRUE(url.ok()) << url.error().text();
  EXPECT_TRUE(url->tls());
  EXPECT_EQ(url->user, "us@er");
  EXPECT_EQ(url->password, "p:w");
  EXPECT_EQ(url->address, (HostPort{"::1", 2379}));
  EXPECT_EQ(url->target, "/v3/kv?x=1");
  EXPECT_EQ(url->origin(), "https://[::1]:2379");
  EXPECT_EQ(url->with_target("/y").target, "/y");
}

TEST(UrlTest, HasDefaults) {
  EXPECT_EQ(parse_url("http://a")->address.port, 80);
  EXPECT_EQ(parse_url("https://a")->address.port, 443);
  EXPECT_EQ(parse_url("https://a", 2379)->address.port, 2379);
  EXPECT_EQ(parse_url("http://a")->target, "/");
  EXPECT_EQ(parse_url("http://a?b=c")->target, "/?b=c");
}

TEST(UrlTest, RefusesNonsenseWithoutQuotingAPassword) {
  for (const char* text : {"a:80", "ftp://secret@a", "http://", "http://u:secret%@a", "http://u:secret@", "http://a:0",
                           "http://a/x y", "http://a/x\r\nHost: b", "http://a:secret", "http://a b/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().code(), Errc::kInvalid);
  }
  EXPECT_EQ(parse_url("http://u:secret@x:y:z").error().text().find("secret"), std::string::npos);
}

TEST(PercentTest, EncodesAndDecodes) {
  EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(percent_decode("a%20b%2f%C3%BC+"), "a b/ü+");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%4g"), std::nullopt);
}

TEST(QueryTest, DecodesAndDropsEmptyValues) {  // API-019
  EXPECT_EQ(
      parse_query("a=1&b=&c&lag=1+MB&replication_state=in%20archive%20recovery&a=2&&x=%zz"),
      (Query{{"a", "1"}, {"lag", "1 MB"}, {"replication_state", "in archive recovery"}, {"a", "2"}, {"x", "%zz"}}));
  EXPECT_EQ(encode_query({{"a", "1 &"}, {"b", "="}}), "a=1%20%26&b=%3D");
  EXPECT_TRUE(parse_query("").empty());
}

TEST(TargetTest, IsCutForRouting) {  // API-018
  EXPECT_EQ(path_of_target("/patroni?x=1"), "/patroni");
  EXPECT_EQ(path_of_target("///primary"), "/primary");
  EXPECT_EQ(path_of_target("/a;p/b;q?c;d"), "/a;p/b");
  EXPECT_EQ(path_of_target("/a%20b#f"), "/a%20b");
  EXPECT_EQ(path_of_target("*"), "*");
  EXPECT_EQ(path_of_target("http://host:80/x/y?z"), "/x/y");
  EXPECT_EQ(path_of_target("http://host"), "/");
  EXPECT_EQ(query_of_target("/a?lag=1MB#f"), (Query{{"lag", "1MB"}}));
  EXPECT_TRUE(query_of_target("/a").empty());
}

TEST(NumericAddress, IsToldFromNames) {
  for (const char* text : {"1.2.3.4", "::1", "fe80::1%eth0", "::ffff:1.2.3.4"}) EXPECT_TRUE(is_numeric_address(text));
  for (const char* text : {"1.2.3", "localhost", "", "1.2.3.4.5"}) EXPECT_FALSE(is_numeric_address(text));
}

}  // namespace
}  // namespace matriarch::http
