// What this build reads but does not act upon yet. Take a line away when it does. A section stands for all below it.
#include "config/schema.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kUnimplemented[] = {
    "consul",  // stores: etcd3 is the one that works
    "etcd",
    "exhibitor",
    "kubernetes",
    "raft",
    "zookeeper",
    "citus",
    "standby_cluster",         // a node with it never promotes, but does not lead a standby cluster either
    "slots",                   // permanent slots; member slots are kept
    "permanent_slots",
    "permanent_replication_slots",
};

}  // namespace

std::span<const std::string_view> unimplemented_keys() { return kUnimplemented; }

}  // namespace matriarch::config
