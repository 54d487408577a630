// Clients: each keeps a connection to whichever server takes writes, writes, and remembers what was acknowledged. Also over
// connections that were opened before the roles changed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/checks.h"
#include "sim/node.h"

namespace matriarch::sim {

class Clients {
 public:
  Clients(const Scenario& scenario, VirtualScheduler& scheduler, Network& network, Checks& checks, Coverage& coverage,
          Random random, Endpoint first_endpoint, std::vector<Node*> nodes);

  // The last acknowledgement, in true time.
  [[nodiscard]] Instant last_acknowledged() const { return last_acknowledged_; }
  [[nodiscard]] int last_acknowledged_by() const { return last_acknowledged_by_; }

 private:
  struct Client {
    Endpoint endpoint = 0;
    int node = -1;                // connected to
    std::uint64_t launch = 0;     // of that server when the connection was opened
    std::uint64_t request = 0;    // the one waited for
  };

  void later(std::size_t client, Duration delay);
  void act(std::size_t client);
  void connect(std::size_t client);
  void write(std::size_t client);
  void answered(std::size_t client, std::uint64_t request, bool acknowledged, Lsn end, std::uint64_t serial);
  [[nodiscard]] Duration pause();

  const Scenario& scenario_;
  VirtualScheduler& scheduler_;
  Network& network_;
  Checks& checks_;
  Coverage& coverage_;
  Random random_;
  std::vector<Node*> nodes_;
  std::vector<Client> clients_;
  Instant last_acknowledged_;
  int last_acknowledged_by_ = -1;
};

}  // namespace matriarch::sim
