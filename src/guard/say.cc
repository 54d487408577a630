#include "guard/say.h"

#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "guard/processes.h"

namespace matriarch::guard {

Say::Say() { *this << "matriarch-guardian[" << getpid() << "]: "; }

Say::~Say() {
  line_[length_++] = '\n';
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, 0) > 0 && (out.revents & POLLOUT) != 0) (void)!::write(STDERR_FILENO, line_, length_);
}

Say& Say::operator<<(const char* text) {
  while (*text != '\0' && length_ + 2 < sizeof line_) line_[length_++] = *text++;
  return *this;
}

Say& Say::operator<<(std::int64_t number) {
  char digits[24];
  char* first = digits + sizeof digits - 1;
  *first = '\0';
  auto rest = number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
  do {
    *--first = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (number < 0) *--first = '-';
  return *this << first;
}

namespace {

constexpr const char* kOomFile = "/proc/self/oom_score_adj";

}  // namespace

int OomScore::read() {
  char text[32];
  if (read_text(kOomFile, text, sizeof text) <= 0) return 0;
  int number = 0;
  for (const char* c = text + (*text == '-' ? 1 : 0); *c >= '0' && *c <= '9'; ++c) number = number * 10 + (*c - '0');
  return *text == '-' ? -number : number;
}

bool OomScore::write(int value) {
  char text[16];
  char* first = text + sizeof text;
  int rest = value < 0 ? -value : value;
  do {
    *--first = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (value < 0) *--first = '-';
  const UniqueFd fd(open(kOomFile, O_WRONLY | O_CLOEXEC));
  const auto length = static_cast<std::size_t>(text + sizeof text - first);
  return fd && ::write(fd.get(), first, length) == static_cast<ssize_t>(length);
}

OomScore::OomScore(int value) : former_(read()) {
  if (former_ != value) (void)write(value);
}

OomScore::~OomScore() {
  if (read() != former_) (void)write(former_);
}

}  // namespace matriarch::guard
