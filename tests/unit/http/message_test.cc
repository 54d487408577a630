#include "http/message.h"

#include <gtest/gtest.h>

#include "http/client.h"
#include "http/server.h"

namespace matriarch::http {
namespace {

TEST(HeadersTest, NamesHaveNoCase) {  // API-020
  Headers headers{{"Content-Type", "a"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(headers.find("content-TYPE"), "a");
  EXPECT_EQ(headers.find("x"), "1");
  EXPECT_FALSE(headers.has("y"));
  headers.set("x", "3");
  EXPECT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers.find("X"), "3");
}

TEST(TokenTest, IsFoundInLists) {
  EXPECT_TRUE(has_token("Keep-Alive , Upgrade", "keep-alive"));
  EXPECT_TRUE(has_token("a,close", "close"));
  EXPECT_FALSE(has_token("closed", "close"));
  EXPECT_FALSE(has_token("", "close"));
}

TEST(TextPage, NamesCodeReasonAndExplanation) {  // API-023, API-024
  const auto page = text_page(501, "Server does not support this operation: <b>", "Unsupported method ('FOO')");
  EXPECT_EQ(page.content_type, "text/html;charset=utf-8");
  EXPECT_TRUE(page.close);
  EXPECT_EQ(page.reason, "Unsupported method ('FOO')");
  EXPECT_NE(page.body.find("501 Unsupported method ('FOO')"), std::string::npos);
  EXPECT_NE(page.body.find("Server does not support this operation: &lt;b&gt;"), std::string::npos);
}

}  // namespace
}  // namespace matriarch::http
