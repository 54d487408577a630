#include "base/log_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/log_record.h"

namespace matriarch::log {

Result<std::unique_ptr<LogFile>> LogFile::open(FileOptions options) {
  std::unique_ptr<LogFile> file(new LogFile(std::move(options)));
  if (const auto opened = file->reopen(); !opened) return opened.error();
  return file;
}

Status LogFile::reopen() {
  // O_NONBLOCK: the path may be a pipe, and opening it must not wait for a reader.
  UniqueFd fd(::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666));
  if (!fd) return errno_error(errno, options_.path.string());
  if (options_.mode && ::fchmod(fd.get(), *options_.mode) != 0) return errno_error(errno, options_.path.string());
  fd_ = std::move(fd);
  return {};
}

Status LogFile::rotate() {
  const auto numbered = [this](int number) {
    return number == 0 ? options_.path.string() : fmt::format("{}.{}", options_.path.string(), number);
  };
  for (int number = options_.keep; number > 0; --number) {
    const std::string from = numbered(number - 1);
    if (::rename(from.c_str(), numbered(number).c_str()) != 0 && errno != ENOENT) return errno_error(errno, from);
  }
  return reopen();
}

Status LogFile::append(std::string_view line) {
  struct stat file {};
  if (::fstat(fd_.get(), &file) == 0 && S_ISREG(file.st_mode)) {
    const bool rotates = options_.keep > 0 && options_.size > 0;
    // Neither may cost a record: what fails here is tried again with the next one.
    if (file.st_nlink == 0) {
      (void)reopen();
    } else if (rotates && file.st_size > 0 && file.st_size + static_cast<std::int64_t>(line.size()) >= options_.size) {
      (void)rotate();
    }
  }
  if (!write_all(fd_.get(), line)) return errno_error(errno, options_.path.string());
  return {};
}

}  // namespace matriarch::log
