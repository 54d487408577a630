#include <cerrno>

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "watchdog/watchdog.h"

namespace matriarch::watchdog {

namespace {

class LinuxDevice : public WatchdogDevice {
 public:
  explicit LinuxDevice(std::string path) : path_(std::move(path)) {}

  Status open() override {
    fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd_) return errno_error(errno, "watchdog device " + path_);
    watchdog_info info{};
    disables_ = ioctl(fd_.get(), WDIOC_GETSUPPORT, &info) == 0 && (info.options & WDIOF_MAGICCLOSE) != 0;
    fixed_ = (info.options & WDIOF_SETTIMEOUT) == 0;
    return {};
  }

  Status set_timeout(int seconds) override {
    if (fixed_) return Error(Errc::kUnsupported, "watchdog device " + path_ + " has a fixed timeout");
    if (ioctl(fd_.get(), WDIOC_SETTIMEOUT, &seconds) != 0) return errno_error(errno, "setting the timeout of " + path_);
    return {};
  }

  [[nodiscard]] Result<int> timeout() const override {
    int seconds = 0;
    if (ioctl(fd_.get(), WDIOC_GETTIMEOUT, &seconds) != 0) return errno_error(errno, "asking the timeout of " + path_);
    return seconds;
  }

  Status feed() override {
    if (ioctl(fd_.get(), WDIOC_KEEPALIVE, nullptr) == 0 || ::write(fd_.get(), "1", 1) == 1) return {};
    return errno_error(errno, "feeding " + path_);
  }

  [[nodiscard]] bool can_be_disabled() const override { return disables_; }

  void close() override {
    if (fd_ && ::write(fd_.get(), "V", 1) != 1) (void)feed();  // "V" before the close is what disables it
    fd_.reset();
  }

 private:
  std::string path_;
  UniqueFd fd_;
  bool disables_ = false;
  bool fixed_ = false;
};

// What a device would be told goes into a file, a letter each: 'o' opened, '1' fed, 'V' disabled, and the timeout.
class FileDevice : public WatchdogDevice {
 public:
  explicit FileDevice(std::string path) : path_(std::move(path)) {}

  Status open() override {
    fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!fd_) return errno_error(errno, "watchdog device " + path_);
    return tell("o");
  }
  Status set_timeout(int seconds) override {
    timeout_ = seconds;
    return tell("[" + std::to_string(seconds) + "]");
  }
  [[nodiscard]] Result<int> timeout() const override { return timeout_; }
  Status feed() override { return tell("1"); }
  [[nodiscard]] bool can_be_disabled() const override { return true; }
  void close() override {
    if (fd_) (void)tell("V");
    fd_.reset();
  }

 private:
  Status tell(const std::string& text) const {
    if (::write(fd_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
    return errno_error(errno, "watchdog device " + path_);
  }

  std::string path_;
  UniqueFd fd_;
  int timeout_ = 60;
};

}  // namespace

std::unique_ptr<WatchdogDevice> make_watchdog_device(const WatchdogOptions& options) {
  if (options.driver == "default") return std::make_unique<LinuxDevice>(options.device);
  if (options.driver == "testing") return std::make_unique<FileDevice>(options.device);
  return nullptr;
}

}  // namespace matriarch::watchdog
