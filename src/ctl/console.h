// Where the CLI reads and writes: the terminal, or a script in tests.
//
// Thread: the scheduler's. Reading blocks it: nothing else goes on in this program while a person thinks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace matriarch::ctl {

class Console {
 public:
  virtual ~Console() = default;

  virtual void out(std::string_view text) = 0;  // results and prompts (CTL-018); adds nothing
  virtual void err(std::string_view text) = 0;  // errors and log lines

  // One line of standard input without its line break; absent at its end (CTL-028).
  virtual std::optional<std::string> read_line() = 0;
  // The same without echo, for passwords.
  virtual std::optional<std::string> read_secret() = 0;
  // All that is left of standard input, at most `limit` bytes (`--apply -`).
  virtual std::string read_rest(std::size_t limit) = 0;

  [[nodiscard]] virtual bool out_is_terminal() const = 0;
  virtual void flush() = 0;

  void line(std::string_view text) {
    out(text);
    out("\n");
  }
};

// Standard input, output and error of this process. Output is buffered until flush(), a read, or an error line.
std::unique_ptr<Console> make_process_console();

// Switches the terminal's echo on again if read_secret() is being interrupted. May be called from a signal handler.
void restore_terminal();

}  // namespace matriarch::ctl
