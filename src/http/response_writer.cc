#include "http/response_writer.h"

#include <chrono>

namespace matriarch::http {

namespace {

void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\t') || byte == 0x7f ? ' ' : c;
  }
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

void append_response(std::string& out, const Response& response, const WireFormat& format) {
  out += response.status_line_only || format.version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  fmt::format_to(std::back_inserter(out), "{} ", response.status);
  append_clean(out, response.reason.empty() ? reason_phrase(response.status) : response.reason);
  out += "\r\n";
  if (response.status_line_only) {
    out += "\r\n";
    return;
  }
  if (!format.server.empty()) append_header(out, "Server", format.server);
  append_header(out, "Date", format.date);
  if (!response.content_type.empty()) append_header(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) append_header(out, name, value);
  if (may_have_body(response.status)) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  }
  if (!format.keep_alive) {
    out += "Connection: close\r\n";
  } else if (format.version == 10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (may_have_body(response.status) && !format.head_request) out += response.body;
}

std::string http_date(WallTime time) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

}  // namespace matriarch::http
