// Errors are values. `Result<T>` holds either a T or an Error; exceptions are for bugs only.
//
// libstdc++ 12 has no monadic std::expected, hence this small type of ours. It is [[nodiscard]]: an error that is
// ignored on purpose is written `(void)f();` with a comment that says why it does not matter.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace matriarch {

// What a caller may want to tell apart. The text of an Error is for people; only the code is for code.
enum class Errc {
  kTimeout = 1,   // the deadline of the call passed; whether it took effect is unknown
  kCancelled,     // the caller asked to stop; whether it took effect is unknown
  kUnavailable,   // the other side cannot be reached or has no quorum; trying again may help
  kNotFound,      // the thing named does not exist
  kConflict,      // a compare-and-set found something else, or the thing exists already
  kDenied,        // not permitted: authentication, authorisation, file permissions
  kInvalid,       // the input is wrong; the text names key, value and remedy
  kTooLarge,      // a size limit was exceeded
  kProtocol,      // the other side answered something that its protocol does not allow
  kIo,            // an operating system call failed
  kFailed,        // the operation was carried out and did not succeed (a program exited non-zero, say)
  kUnsupported,   // this version or build cannot do it
};

std::string_view to_string(Errc code);

class Error {
 public:
  // `text` is shown to people and logged: it must never contain a secret.
  Error(Errc code, std::string text) : code_(code), text_(std::move(text)) {}

  [[nodiscard]] Errc code() const { return code_; }
  [[nodiscard]] const std::string& text() const { return text_; }

  // The same error, seen from one level up: "<context>: <text>".
  [[nodiscard]] Error in(std::string_view context) const;

 private:
  Errc code_;
  std::string text_;
};

// kIo (kDenied, kNotFound where errno says so) with "<what>: <strerror>".
Error errno_error(int err, std::string_view what);

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition of value(): ok(). Precondition of error(): !ok(). std::get throws otherwise: a bug.
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

  [[nodiscard]] T value_or(T fallback) const& { return ok() ? value() : std::move(fallback); }
  [[nodiscard]] T value_or(T fallback) && { return ok() ? std::move(*this).value() : std::move(fallback); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const { return error_.value(); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace matriarch
