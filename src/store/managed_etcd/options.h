// What the managed etcd must be told. A plain struct: the application maps its configuration onto it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/tls.h"
#include "http/url.h"

namespace matriarch::managed_etcd {

struct ManagedOptions {
  std::string scope;
  std::string name;                      // of this node
  http::HostPort rest_address;           // own, as the partners write it
  bool rest_https = false;               // of the partners, too
  http::TlsClientOptions rest_tls;       // for calling them
  std::vector<http::HostPort> partners;  // REST addresses of the first bootstrap, own included or not; empty: alone

  http::HostPort client_address;  // at which the others reach the own etcd
  http::HostPort peer_address;
  std::filesystem::path home;  // absolute; layout: home.h
  std::string bin = "etcd";    // looked up in PATH unless it contains a slash

  bool https = false;  // between clients, members and etcd; with the files below
  std::string cacert;
  std::string cert;
  std::string key;

  std::int64_t quota_bytes = 256 << 20;
  Duration bootstrap_patience = std::chrono::seconds(30);
  Duration snapshot_interval = std::chrono::hours(1);  // zero: none
  int snapshots_kept = 24;
  Duration defragment_interval = std::chrono::hours(24);  // zero: never
  bool stop_with_agent = false;

  // Does this node hold the PostgreSQL primary? Then another member should lead etcd. Empty: never.
  std::function<bool()> holds_primary;
  // The client addresses of all members that are known, own first; called when they change.
  std::function<void(std::vector<http::HostPort>)> on_endpoints;
};

}  // namespace matriarch::managed_etcd
