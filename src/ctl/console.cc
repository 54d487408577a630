#include "ctl/console.h"

#include <cerrno>
#include <csignal>

#include <termios.h>
#include <unistd.h>

namespace matriarch::ctl {
namespace {

constexpr std::size_t kMaxLine = 1u << 20;

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // the reader is gone: there is nobody left to tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// For restore_terminal(): what the terminal was like before read_secret().
termios terminal_before{};
volatile std::sig_atomic_t echo_is_off = 0;

class NoEcho {
 public:
  NoEcho() {
    if (tcgetattr(STDIN_FILENO, &terminal_before) != 0) return;  // no terminal: nothing is echoed
    termios quiet = terminal_before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    echo_is_off = 1;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() { restore_terminal(); }
};

class ProcessConsole final : public Console {
 public:
  ~ProcessConsole() override { ProcessConsole::flush(); }

  void out(std::string_view text) override {
    buffer_ += text;
    if (buffer_.size() > (64u << 10)) flush();
  }

  void err(std::string_view text) override {
    flush();
    write_all(STDERR_FILENO, text);
  }

  std::optional<std::string> read_line() override {
    flush();
    std::size_t end = input_.find('\n');
    while (end == std::string::npos && input_.size() < kMaxLine && fill()) end = input_.find('\n');
    if (end == std::string::npos) {
      if (input_.empty()) return std::nullopt;
      return std::exchange(input_, {});
    }
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }

  std::optional<std::string> read_secret() override {
    const NoEcho quiet;
    auto line = read_line();
    out("\n");
    return line;
  }

  std::string read_rest(std::size_t limit) override {
    while (input_.size() < limit && fill()) {
    }
    return std::exchange(input_, {}).substr(0, limit);
  }

  [[nodiscard]] bool out_is_terminal() const override { return isatty(STDOUT_FILENO) == 1; }

  void flush() override { write_all(STDOUT_FILENO, std::exchange(buffer_, {})); }

 private:
  bool fill() {
    std::array<char, 4096> chunk{};
    ssize_t got = 0;
    do {
      got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    input_.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  }

  std::string buffer_;
  std::string input_;
};

}  // namespace

void restore_terminal() {
  if (echo_is_off == 0) return;
  tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
  echo_is_off = 0;
}

std::unique_ptr<Console> make_process_console() { return std::make_unique<ProcessConsole>(); }

}  // namespace matriarch::ctl
