// Responses as bytes. Internal to src/http.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "http/message.h"

namespace matriarch::http {

struct WireFormat {
  int version = 11;           // 10 or 11
  bool head_request = false;  // the body is measured but not sent
  bool keep_alive = true;
  std::string_view server;  // empty: no Server
  std::string_view date;
};

// Appends status line, headers and body. Control characters in headers become blanks: nothing can be smuggled in.
void append_response(std::string& out, const Response& response, const WireFormat& format);

// Appends "name: value\r\n" under the same rule.
void append_header(std::string& out, std::string_view name, std::string_view value);

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(WallTime time);

}  // namespace matriarch::http
