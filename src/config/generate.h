// --generate-sample-config and the common part of --generate-config (config.md 5.3).
#pragma once

#include <string>
#include <vector>

#include "config/environment.h"
#include "model/value.h"

namespace matriarch::config {

struct SampleFacts {
  std::string host_name;  // "#FIXME" if it cannot be resolved (CFG-405)
  std::string address;    // first address of it, IPv4 preferred; "#FIXME"
  std::string bin_dir;    // empty: PATH
};

// Name and address of this machine.
SampleFacts machine_facts();

// The template (CFG-404, CFG-406; for PostgreSQL 13 and newer) with the environment laid over it.
Value sample_tree(const SampleFacts& facts, const EnvironmentValues& environment, Warnings& warnings);

// What a running server says about itself, for --generate-config (CFG-408..411).
struct RunningFacts {
  Value::Map gucs;  // name -> displayed text, as CFG-408 selects
  std::string data_dir;
  std::string cluster_name;  // empty: #FIXME
  std::string listen_addresses;
  std::string port;
  std::string connect_port;
  std::string bin_dir;
  Value::Map superuser;  // connection options used
  std::vector<std::string> pg_hba;
  std::vector<std::string> pg_ident;
};
Value running_tree(const SampleFacts& facts, const RunningFacts& running, const EnvironmentValues& environment,
                   Warnings& warnings);

// Sections in the order of CFG-403, with comments, without a line break at the end (CFG-402).
std::string to_config_file(const Value& tree);

}  // namespace matriarch::config
