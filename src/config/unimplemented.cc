// What this build reads but does not act upon yet. Take a line away when it does. A section stands for all below it.
#include "config/schema.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kUnimplemented[] = {
    "consul",  // stores: etcd3 is the one that works
    "etcd",   "exhibitor", "kubernetes", "raft", "zookeeper", "citus", "watchdog.mode", "etcd3.managed",
};

}  // namespace

std::span<const std::string_view> unimplemented_keys() { return kUnimplemented; }

}  // namespace matriarch::config
