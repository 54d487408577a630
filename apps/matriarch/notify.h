// What the service manager is told (sd_notify; CFG-416). Does nothing outside systemd.
#pragma once

#include <string>

namespace matriarch::app {

class ServiceManager {
 public:
  // Takes NOTIFY_SOCKET out of the environment, so that PostgreSQL does not inherit it (HA-047).
  ServiceManager();
  // "READY=1", "STOPPING=1", ...; newline-separated assignments.
  void tell(const std::string& state) const;
  // "RELOADING=1" with the time stamp that Type=notify-reload demands.
  void tell_reloading() const;

 private:
  std::string socket_path_;
};

}  // namespace matriarch::app
