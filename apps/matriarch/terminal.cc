#include "terminal.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace matriarch::app {

std::optional<std::string> ask_password(const std::string& prompt) {
  const UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  termios former{};
  if (!terminal || tcgetattr(terminal.get(), &former) != 0) return std::nullopt;
  termios silent = former;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(terminal.get(), TCSAFLUSH, &silent);
  std::string typed;
  const bool asked = write(terminal.get(), prompt.data(), prompt.size()) >= 0;
  char c = 0;
  while (asked && read(terminal.get(), &c, 1) == 1 && c != '\n') typed += c;
  tcsetattr(terminal.get(), TCSAFLUSH, &former);
  (void)!write(terminal.get(), "\n", 1);
  if (typed.empty()) return std::nullopt;
  return typed;
}

}  // namespace matriarch::app
