#include "peers/peer_answer.h"

#include <gtest/gtest.h>

namespace matriarch::peers {
namespace {

TEST(PeerAnswer, OfAStandby) {  // HA-193, API-318
  const PeerStatus peer = read_peer_answer("b", R"({"state":"running","role":"replica","timeline":3,
      "xlog":{"received_location":100,"replayed_location":120},"tags":{"failover_priority":4}})");
  EXPECT_EQ(peer.name, "b");
  EXPECT_TRUE(peer.reachable);
  EXPECT_TRUE(peer.in_recovery);
  EXPECT_EQ(peer.position, Lsn{120});
  EXPECT_EQ(peer.timeline, 3u);
  EXPECT_EQ(peer.failover_priority, 4);
  EXPECT_FALSE(peer.limited());
}

TEST(PeerAnswer, OfAPrimary) {  // HA-193
  const PeerStatus by_location = read_peer_answer("b", R"({"xlog":{"location":77,"received_location":5}})");
  EXPECT_TRUE(by_location.reachable);
  EXPECT_FALSE(by_location.in_recovery);
  EXPECT_EQ(by_location.position, Lsn{0});
  for (const char* role : {"primary", "master"}) {
    const PeerStatus by_role = read_peer_answer("b", std::string(R"({"xlog":{},"role":")") + role + "\"}");
    EXPECT_FALSE(by_role.in_recovery) << role;
  }
  EXPECT_TRUE(read_peer_answer("b", R"({"xlog":{},"role":"standby_leader"})").in_recovery);
}

TEST(PeerAnswer, WalWinsOverXlog) {  // HA-194
  const PeerStatus peer = read_peer_answer("b", R"({"wal":{"replayed_location":9},"xlog":{"location":7}})");
  EXPECT_TRUE(peer.in_recovery);
  EXPECT_EQ(peer.position, Lsn{9});
}

TEST(PeerAnswer, Limitations) {  // HA-192
  for (const char* body : {"", "x", "[]", "null", R"({"state":"stopped"})", R"({"xlog":5})", R"({"xlog":null})"}) {
    EXPECT_FALSE(read_peer_answer("b", body).reachable) << body;
    EXPECT_TRUE(read_peer_answer("b", body).limited()) << body;
  }
  EXPECT_TRUE(read_peer_answer("b", R"({"xlog":{},"tags":{"nofailover":true}})").nofailover);
  EXPECT_TRUE(read_peer_answer("b", R"({"xlog":{},"tags":{"failover_priority":0}})").limited());
  EXPECT_TRUE(read_peer_answer("b", R"({"xlog":{},"watchdog_failed":true})").limited());
  EXPECT_FALSE(read_peer_answer("b", R"({"xlog":{},"watchdog_failed":false,"tags":[]})").limited());
}

TEST(PeerAnswer, NonsenseNumbersAreNothing) {
  const PeerStatus peer = read_peer_answer(
      "b", R"({"timeline":99999999999,"xlog":{"received_location":-5,"replayed_location":"x","location":null}})");
  EXPECT_TRUE(peer.reachable);
  EXPECT_TRUE(peer.in_recovery);
  EXPECT_EQ(peer.position, Lsn{0});
  EXPECT_EQ(peer.timeline, 0u);
}

}  // namespace
}  // namespace matriarch::peers
