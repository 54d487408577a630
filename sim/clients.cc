#include "sim/clients.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kPatience = seconds(5);         // for the answer to a write
constexpr Duration kConnectPatience = seconds(1);

}  // namespace

Clients::Clients(const Scenario& scenario, VirtualScheduler& scheduler, Network& network, Checks& checks, Coverage& coverage,
                 Random random, Endpoint first_endpoint, std::vector<Node*> nodes)
    : scenario_(scenario),
      scheduler_(scheduler),
      network_(network),
      checks_(checks),
      coverage_(coverage),
      random_(random),
      nodes_(std::move(nodes)) {
  for (int i = 0; i < scenario.clients; ++i) {
    clients_.push_back({.endpoint = first_endpoint + i});
    later(static_cast<std::size_t>(i), pause());
  }
}

Duration Clients::pause() { return random_.between(Duration(1), 2 * scenario_.write_pause); }

void Clients::later(std::size_t client, Duration delay) {
  scheduler_.after(delay, [this, client] { act(client); });
}

void Clients::act(std::size_t client) {
  if (clients_[client].node < 0) {
    connect(client);
  } else {
    write(client);
  }
}

void Clients::connect(std::size_t client) {
  Client& c = clients_[client];
  const int candidate = static_cast<int>(random_.index(nodes_.size()));
  Node& node = *nodes_[static_cast<std::size_t>(candidate)];
  const bool reachable = node.powered() && node.postgres().reachable_from(c.endpoint);
  if (!reachable) {
    later(client, kConnectPatience);
    return;
  }
  if (node.postgres().accepting() && node.postgres().writable()) {  // target_session_attrs=read-write
    c.node = candidate;
    c.launch = node.postgres().launches();
  }
  later(client, random_.between(milliseconds(1), milliseconds(100)));
}

void Clients::write(std::size_t client) {
  Client& c = clients_[client];
  Node& node = *nodes_[static_cast<std::size_t>(c.node)];
  const std::uint64_t request = ++c.request;
  const std::uint64_t bytes =
      random_.chance(scenario_.bulk_share) ? 200'000 + random_.below(1'500'000) : 100 + random_.below(4000);
  scheduler_.after(kPatience, [this, client, request] { answered(client, request, false, Lsn(), 0); });
  const auto there = network_.transit(c.endpoint, node.endpoint());
  if (!there) return;  // silence
  scheduler_.after(*there, [this, client, request, bytes, launch = c.launch, &node] {
    Postgres& server = node.postgres();
    if (!node.powered()) return;
    if (server.launches() != launch) {
      answered(client, request, false, Lsn(), 0);  // connection reset
      return;
    }
    server.write(bytes, [this, client, request, &node](bool acknowledged, Lsn end, std::uint64_t serial) {
      const auto back = network_.transit(node.endpoint(), clients_[client].endpoint);
      if (!back) return;
      scheduler_.after(*back, [this, client, request, acknowledged, end, serial] {
        answered(client, request, acknowledged, end, serial);
      });
    });
  });
}

void Clients::answered(std::size_t client, std::uint64_t request, bool acknowledged, Lsn end, std::uint64_t serial) {
  Client& c = clients_[client];
  if (c.request != request || c.node < 0) return;
  ++c.request;
  if (acknowledged) {
    last_acknowledged_ = scheduler_.now();
    last_acknowledged_by_ = c.node;
    checks_.acknowledged(*nodes_[static_cast<std::size_t>(c.node)], end, serial);
  } else {
    coverage_.hit("client: connection lost");
    c.node = -1;
  }
  later(client, pause());
}

}  // namespace matriarch::sim
