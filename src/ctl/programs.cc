#include "ctl/programs.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/unique_fd.h"

extern char** environ;

namespace matriarch::ctl {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

// While another program has the terminal, Ctrl-C is meant for it; and a pager that is quit early must not end us.
class SignalsIgnored {
 public:
  SignalsIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &ignore, &before_[i]);
  }
  SignalsIgnored(const SignalsIgnored&) = delete;
  SignalsIgnored& operator=(const SignalsIgnored&) = delete;
  ~SignalsIgnored() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGPIPE};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// Starts a program that shares our terminal; `input` becomes its standard input if it is a descriptor.
Result<pid_t> start(const std::vector<std::string>& arguments, int input) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int number : {SIGINT, SIGQUIT, SIGPIPE}) sigaddset(&defaults, number);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

  pid_t pid = 0;
  const int error = posix_spawn(&pid, argv.front(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return errno_error(error, arguments.front());
  return pid;
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // the pager was quit
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// A private file that is removed in the end.
class TemporaryFile {
 public:
  static Result<TemporaryFile> create(std::string_view cluster, std::string_view text) {
    std::string name(cluster);
    std::ranges::replace(name, '/', '_');
    const char* folder = std::getenv("TMPDIR");
    constexpr std::string_view kSuffix = ".yaml";
    TemporaryFile file;
    file.path_ = fmt::format("{}/{}-config-XXXXXX{}", folder != nullptr && *folder != '\0' ? folder : "/tmp", name,
                             kSuffix);
    const UniqueFd fd(mkostemps(file.path_.data(), static_cast<int>(kSuffix.size()), O_CLOEXEC));
    if (!fd) return errno_error(errno, std::exchange(file.path_, {}));
    write_all(fd.get(), text);
    return file;
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TemporaryFile() = default;
  std::string path_;
};

std::string first_found(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (std::string path = find_program(name); !path.empty()) return path;
  }
  return {};
}

}  // namespace

std::string find_program(std::string_view name) {
  if (name.empty()) return {};
  const auto executable = [](const std::string& path) { return access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    return executable(path) ? path : std::string();
  }
  const std::string folders = environment("PATH");
  for (std::string_view rest = folders; !rest.empty();) {
    const std::size_t colon = rest.find(':');
    std::string path = fmt::format("{}/{}", rest.substr(0, colon), name);
    if (executable(path)) return path;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return {};
}

Result<std::string> edit_text(std::string_view cluster, std::string_view text) {
  const std::string wanted = environment("EDITOR");
  const std::string editor = wanted.empty() ? first_found({"editor", "vi"}) : find_program(wanted);
  if (editor.empty()) {
    return Error(Errc::kNotFound, wanted.empty()
                                      ? "EDITOR environment variable is not set. editor or vi are not available"
                                      : fmt::format("EDITOR is set to {}, which cannot be executed", wanted));
  }
  auto file = TemporaryFile::create(cluster, text);
  if (!file) return file.error();
  const SignalsIgnored quiet;
  auto pid = start({editor, file->path()}, -1);
  if (!pid) return pid.error();
  if (const int code = exit_code_of(*pid); code != 0) {
    return Error(Errc::kFailed, fmt::format("Editor exited with return code {}", code));
  }
  return read_file(file->path());
}

Status page_text(std::string_view text) {
  const std::string pager = first_found({environment("PAGER"), "less", "more"});
  if (pager.empty()) {
    return Error(Errc::kNotFound, "No pager could be found. Either set PAGER environment variable with your pager or "
                                  "install either \"less\" or \"more\" in the host.");
  }
  std::vector<std::string> arguments{pager};
  if (pager.ends_with("/less") && std::getenv("LESS") == nullptr) arguments.emplace_back("-FRSX");
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "pipe");
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const SignalsIgnored quiet;
  auto pid = start(arguments, reading.get());
  if (!pid) return pid.error();
  write_all(writing.get(), text);
  writing.reset();
  (void)exit_code_of(*pid);  // what the pager thinks of it does not matter
  return {};
}

}  // namespace matriarch::ctl
