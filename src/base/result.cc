#include "base/result.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace matriarch {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::kTimeout: return "timeout";
    case Errc::kCancelled: return "cancelled";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kNotFound: return "not found";
    case Errc::kConflict: return "conflict";
    case Errc::kDenied: return "denied";
    case Errc::kInvalid: return "invalid";
    case Errc::kTooLarge: return "too large";
    case Errc::kProtocol: return "protocol violation";
    case Errc::kIo: return "i/o error";
    case Errc::kFailed: return "failed";
    case Errc::kUnsupported: return "unsupported";
  }
  return "unknown";
}

Error Error::in(std::string_view context) const { return {code_, fmt::format("{}: {}", context, text_)}; }

Error errno_error(int err, std::string_view what) {
  const Errc code = err == ENOENT                     ? Errc::kNotFound
                    : (err == EACCES || err == EPERM) ? Errc::kDenied
                    : err == EEXIST                   ? Errc::kConflict
                                                      : Errc::kIo;
  return {code, fmt::format("{}: {}", what, std::strerror(err))};
}

}  // namespace matriarch
