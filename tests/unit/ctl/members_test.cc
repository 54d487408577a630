// Member lists against the composed examples of the contract (spec/ctl.md section 17).
#include <gtest/gtest.h>

#include "ctl/members.h"
#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

std::string standby(const std::string& address, const std::string& lsn, const std::string& more = "") {
  return R"({"conn_url":"postgres://)" + address + R"(/postgres","api_url":"http://x:8008/patroni","state":"running",)" +
         R"("role":"replica","xlog_location":)" + lsn + R"(,"receive_lsn":)" + lsn + R"(,"replay_lsn":)" + lsn +
         R"(,"replication_state":"streaming","timeline":4)" + more + "}";
}

// CTL-067..073, CTL-084..096, CTL-102, CTL-104
TEST(Members, ListOfTheFirstExample) {
  Cli cli;
  cli.make_shop();
  cli.store().put("config", R"({"synchronous_mode":true,"pause":true})");
  cli.store().put("failover", R"({"leader":"pg1","member":"pg2","scheduled_at":"2030-01-01T02:00:00+00:00"})");
  EXPECT_EQ(cli.run({"list", "shop"}), 0);
  EXPECT_EQ(cli.console.written,
            "+ Cluster: shop (7300000000000000001) ---------+----+-------------+-----+------------+-----+\n"
            "| Member | Host     | Role         | State     | TL | Receive LSN | Lag | Replay LSN | Lag |\n"
            "+--------+----------+--------------+-----------+----+-------------+-----+------------+-----+\n"
            "| pg1    | 10.1.0.1 | Leader       | running   |  4 |             |     |            |     |\n"
            "| pg2    | 10.1.0.2 | Sync Standby | streaming |  4 |   0/9000148 |   0 |  0/9000060 |   0 |\n"
            "| pg3    | 10.1.0.3 | Replica      | stopped   |    |     unknown |     |    unknown |     |\n"
            "+--------+----------+--------------+-----------+----+-------------+-----+------------+-----+\n"
            " Maintenance mode: on\n"
            " Switchover scheduled at: 2030-01-01T02:00:00+00:00\n"
            "                    from: pg1\n"
            "                      to: pg2\n");
  EXPECT_EQ(cli.console.errors, "");
}

// CTL-071, CTL-096..100
TEST(Members, RulesBetweenRowsAndOptionalColumns) {
  Cli cli;
  cli.store().put("initialize", "7300000000000000001");
  cli.store().put("leader", "pg1");
  cli.store().put("status", R"({"optime":150995272})");
  cli.member("pg1", R"({"conn_url":"postgres://10.1.0.1:5433/postgres","state":"running","role":"primary","timeline":4})");
  cli.member("pg2", R"({"conn_url":"postgres://10.1.0.1:5434/postgres","state":"running","role":"replica",)"
                    R"("receive_lsn":150995272,"replay_lsn":134217728,"xlog_location":1,"timeline":4,)"
                    R"("replication_state":"streaming","tags":{"zone":"a","clonefrom":true},"pending_restart":true,)"
                    R"("pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"150"},)"
                    R"("shared_preload_libraries":{"old_value":"","new_value":"pg_stat_statements,auto_explain"}}})");
  EXPECT_EQ(cli.run({"list", "shop"}), 0);
  EXPECT_EQ(
      cli.console.written,
      "+ Cluster: shop (7300000000000000001) ---------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+-----------------+\n"
      "| Member | Host          | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Pending restart | Pending restart reason                        | Tags            |\n"
      "+--------+---------------+---------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+-----------------+\n"
      "| pg1    | 10.1.0.1:5433 | Leader  | running   |  4 |             |     |            |     |                 |                                               |                 |\n"
      "+--------+---------------+---------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+-----------------+\n"
      "| pg2    | 10.1.0.1:5434 | Replica | streaming |  4 |   0/9000148 |   0 |  0/8000000 |  16 | *               | max_connections: 100->150                     | clonefrom: true |\n"
      "|        |               |         |           |    |             |     |            |     |                 | shared_preload_libraries: [hidden - too long] | zone: a         |\n"
      "+--------+---------------+---------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+-----------------+\n");
}

// CTL-106..107
TEST(Members, TopologyOfTheExample) {
  Cli cli;
  cli.store().put("initialize", "7300000000000000001");
  cli.store().put("leader", "pg1");
  cli.store().put("status", R"({"optime":150995272})");
  cli.member("pg1", R"({"conn_url":"postgres://10.1.0.1/postgres","state":"running","role":"primary","timeline":4})");
  cli.member("pg2", standby("10.1.0.2", "150995272"));
  cli.member("pg3", standby("10.1.0.3", "150995272"));
  cli.member("pg4", R"({"conn_url":"postgres://10.1.0.4/postgres","state":"running","role":"replica",)"
                    R"("receive_lsn":83886080,"replay_lsn":83886080,"xlog_location":83886080,"timeline":4,)"
                    R"("replication_state":"in archive recovery"})");
  // The example leaves the tags out; with them comes their column, in flow form (CTL-100).
  cli.member("pg4", standby("10.1.0.4", "83886080", R"(,"tags":{"replicatefrom":"pg2"})"));
  EXPECT_EQ(cli.run({"topology", "shop"}), 0);
  EXPECT_EQ(cli.console.written,
            "+ Cluster: shop (7300000000000000001) -----+----+-------------+-----+------------+-----+----------------------+\n"
            "| Member  | Host     | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Tags                 |\n"
            "+---------+----------+---------+-----------+----+-------------+-----+------------+-----+----------------------+\n"
            "| pg1     | 10.1.0.1 | Leader  | running   |  4 |             |     |            |     |                      |\n"
            "| + pg2   | 10.1.0.2 | Replica | streaming |  4 |   0/9000148 |   0 |  0/9000148 |   0 |                      |\n"
            "|   + pg4 | 10.1.0.4 | Replica | streaming |  4 |   0/5000000 |  64 |  0/5000000 |  64 | {replicatefrom: pg2} |\n"
            "| + pg3   | 10.1.0.3 | Replica | streaming |  4 |   0/9000148 |   0 |  0/9000148 |   0 |                      |\n"
            "+---------+----------+---------+-----------+----+-------------+-----+------------+-----+----------------------+\n");
}

std::vector<std::string> topology_names(const std::vector<std::pair<std::string, std::string>>& members,
                                        const std::string& leader) {
  GroupView group;
  group.view.leader = leader.empty() ? std::optional<Leader>() : Leader{.name = leader};
  for (const auto& [name, from] : members) {
    Member member{.name = name};
    if (!from.empty()) member.data.tags.raw.set("replicatefrom", from);
    group.view.members.push_back(std::move(member));
  }
  std::vector<std::string> names;
  for (const MemberRow& row : topology_rows(member_rows(group))) names.push_back(row.prefix + row.name);
  return names;
}

// CTL-106, CTL-108, CTL-109
TEST(Members, EveryMemberAppearsOnceInATopology) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(topology_names({{"a", ""}, {"b", "nobody"}, {"c", "a"}}, "a"), (Names{"a", "+ b", "+ c"}));
  EXPECT_EQ(topology_names({{"a", ""}, {"b", "a"}}, ""), (Names{"+ a", "  + b"}));
  EXPECT_EQ(topology_names({{"l", ""}, {"a", "b"}, {"b", "a"}, {"c", "a"}}, "l"),
            (Names{"l", "+ a", "  + c", "+ b"}));
  EXPECT_EQ(topology_names({{"l", ""}, {"a", "a"}}, "l"), (Names{"l", "+ a"}));
  EXPECT_EQ(topology_names({{"l", "a"}, {"a", ""}}, "l"), (Names{"l", "+ a"}));
  EXPECT_EQ(topology_names({{"l", ""}, {"a", ""}, {"b", "a"}, {"c", "b"}, {"d", "c"}}, "l"),
            (Names{"l", "+ a", "  + b", "    + c", "      + d"}));
}

void make_citus(Cli& cli) {
  FakeStore& coordinator = cli.clusters.at("shard", 0);
  coordinator.put("initialize", "7300000000000000070");
  coordinator.put("leader", "co1");
  coordinator.put("status", R"({"optime":117440784})");
  coordinator.put("config", R"({"synchronous_mode":"quorum"})");
  coordinator.put("sync", R"({"leader":"co1","quorum":1,"sync_standby":"co2"})");
  cli.member("co1", R"({"conn_url":"postgres://10.2.0.1:5432/citus","state":"running","role":"primary","timeline":2})",
             "shard", 0);
  cli.member("co2", R"({"conn_url":"postgres://10.2.0.2:5432/citus","state":"running","role":"replica",)"
                    R"("replication_state":"streaming","receive_lsn":117440784,"replay_lsn":117440784,)"
                    R"("xlog_location":117440784,"timeline":2})",
             "shard", 0);
  FakeStore& worker = cli.clusters.at("shard", 1);
  worker.put("initialize", "7300000000000000077");
  worker.put("leader", "wk1");
  worker.put("config", R"({"pause":true})");
  cli.member("wk1", R"({"conn_url":"postgres://10.2.1.1:5432/citus","state":"running","role":"primary","timeline":1})",
             "shard", 1);
}

// CTL-085, CTL-103, CTL-105, CTL-287..290
TEST(Members, AllGroupsOfACitusCluster) {
  Cli cli;
  cli.config.citus_group = 0;
  cli.config.citus_database = "citus";
  make_citus(cli);
  EXPECT_EQ(cli.run({"list", "shard"}), 0);
  EXPECT_EQ(cli.console.written,
            "+ Citus cluster: shard -----+----------------+-----------+----+-------------+-----+------------+-----+\n"
            "| Group | Member | Host     | Role           | State     | TL | Receive LSN | Lag | Replay LSN | Lag |\n"
            "+-------+--------+----------+----------------+-----------+----+-------------+-----+------------+-----+\n"
            "|     0 | co1    | 10.2.0.1 | Leader         | running   |  2 |             |     |            |     |\n"
            "|     0 | co2    | 10.2.0.2 | Quorum Standby | streaming |  2 |   0/7000110 |   0 |  0/7000110 |   0 |\n"
            "|     1 | wk1    | 10.2.1.1 | Leader         | running   |  1 |             |     |            |     |\n"
            "+-------+--------+----------+----------------+-----------+----+-------------+-----+------------+-----+\n"
            "Citus group: 1\n"
            " Maintenance mode: on\n");
}

TEST(Members, OneGroupOfACitusCluster) {
  Cli cli;
  make_citus(cli);
  cli.clusters.at("shard", 1).put("config", "{}");
  EXPECT_EQ(cli.run({"list", "shard", "--group", "1"}), 0);
  EXPECT_EQ(cli.console.written,
            "+ Citus cluster: shard (group: 1, 7300000000000000077) ---+-----+------------+-----+\n"
            "| Member | Host     | Role   | State   | TL | Receive LSN | Lag | Replay LSN | Lag |\n"
            "+--------+----------+--------+---------+----+-------------+-----+------------+-----+\n"
            "| wk1    | 10.2.1.1 | Leader | running |  1 |             |     |            |     |\n"
            "+--------+----------+--------+---------+----+-------------+-----+------------+-----+\n");
}

// CTL-047, CTL-068, CTL-102
TEST(Members, UnknownClusterIsEmpty) {
  Cli cli;
  EXPECT_EQ(cli.run({"list", "nothere"}), 0);
  EXPECT_EQ(cli.console.written,
            "+ Cluster: nothere (uninitialized) -+-------------+-----+------------+-----+\n"
            "| Member | Host | Role | State | TL | Receive LSN | Lag | Replay LSN | Lag |\n"
            "+--------+------+------+-------+----+-------------+-----+------------+-----+\n"
            "+--------+------+------+-------+----+-------------+-----+------------+-----+\n");
  cli.console.written.clear();
  cli.clusters.at("young").put("initialize", "");
  EXPECT_EQ(cli.run({"list", "young"}), 0);
  EXPECT_TRUE(cli.console.written.starts_with("+ Cluster: young (initializing) ")) << cli.console.written;
}

void make_tagged(Cli& cli) {
  cli.make_shop();
  cli.store().put("config", "{}");
  cli.store().keys.erase("members/pg3");
  cli.member("pg2", R"({"conn_url":"postgres://10.1.0.2:5432/postgres","state":"running","role":"replica",)"
                    R"("receive_lsn":150995272,"replay_lsn":150995040,"xlog_location":150995272,)"
                    R"("replication_state":"streaming","timeline":4,"tags":{"clonefrom":true,"zone":"a"}})");
}

// CTL-074..078, CTL-084, CTL-100
TEST(Members, MachineFormats) {
  Cli cli;
  make_tagged(cli);
  EXPECT_EQ(cli.run({"list", "shop", "-f", "tsv"}), 0);
  EXPECT_EQ(cli.console.written,
            "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\tTags\n"
            "shop\tpg1\t10.1.0.1\tLeader\trunning\t4\t\t\t\t\t\n"
            "shop\tpg2\t10.1.0.2\tReplica\tstreaming\t4\t0/9000148\t0\t0/9000060\t0\t{clonefrom: true, zone: a}\n");
  cli.console.written.clear();
  EXPECT_EQ(cli.run({"list", "shop", "-fjson"}), 0);
  EXPECT_EQ(cli.console.written,
            R"([{"Cluster": "shop", "Member": "pg1", "Host": "10.1.0.1", "Role": "Leader", "State": "running", "TL": 4}, )"
            R"({"Cluster": "shop", "Member": "pg2", "Host": "10.1.0.2", "Role": "Replica", "State": "streaming", "TL": 4, )"
            R"("Receive LSN": "0/9000148", "Receive Lag": 0, "Replay LSN": "0/9000060", "Replay Lag": 0, )"
            R"("Tags": {"clonefrom": true, "zone": "a"}}])"
            "\n");
  cli.console.written.clear();
  EXPECT_EQ(cli.run({"list", "--format=yml", "shop"}), 0);
  EXPECT_EQ(cli.console.written,
            "- Cluster: shop\n  Host: 10.1.0.1\n  Member: pg1\n  Role: Leader\n  State: running\n  TL: 4\n"
            "- Cluster: shop\n  Host: 10.1.0.2\n  Member: pg2\n  Receive LSN: 0/9000148\n  Receive Lag: 0\n"
            "  Replay LSN: 0/9000060\n  Replay Lag: 0\n  Role: Replica\n  State: streaming\n  TL: 4\n"
            "  Tags:\n    clonefrom: true\n    zone: a\n\n");
}

// CTL-094: only xlog_location is known
TEST(Members, OldVersionsShowTheirOnlyPosition) {
  GroupView group;
  group.view.status.optime = Lsn{20 << 20};
  Member old{.name = "old"};
  old.data.xlog_location = Lsn{10 << 20};
  old.data.replication_state = "streaming";
  group.view.members = {old};
  EXPECT_EQ(member_rows(group)[0].receive.lsn, "0/A00000");
  EXPECT_EQ(member_rows(group)[0].receive.lag_mb, 10);
  EXPECT_EQ(member_rows(group)[0].replay.lsn, "unknown");
  group.view.members[0].data.replication_state.clear();
  EXPECT_EQ(member_rows(group)[0].receive.lsn, "unknown");
  EXPECT_EQ(member_rows(group)[0].replay.lsn, "0/A00000");
}

// CTL-092: half to even, never negative
TEST(Members, LagIsRoundedHalfToEven) {
  GroupView group;
  Member member{.name = "m"};
  member.data.receive_lsn = Lsn{1 << 20};
  group.view.members = {member};
  const auto lag = [&](std::uint64_t bytes) {
    group.view.status.optime = Lsn{(1 << 20) + bytes};
    return member_rows(group)[0].receive.lag_mb;
  };
  EXPECT_EQ(lag(0), 0);
  EXPECT_EQ(lag(524288), 0);
  EXPECT_EQ(lag(524289), 1);
  EXPECT_EQ(lag(3 * 524288), 2);
  EXPECT_EQ(lag(5 * 524288), 2);
  group.view.status.optime = Lsn{1};
  EXPECT_EQ(member_rows(group)[0].receive.lag_mb, 0);
}

// CTL-088 with API-182, CTL-089 with API-183
TEST(Members, RolesAndStatesOfAStandbyCluster) {
  Cli cli;
  cli.store().put("leader", "pg1");
  cli.store().put("config", R"({"synchronous_mode":true,"standby_cluster":{"host":"1.2.3.4"}})");
  cli.store().put("sync", R"({"leader":"pg1","quorum":0,"sync_standby":"pg2"})");
  cli.member("pg1", R"({"conn_url":"postgres://a:5432/x","state":"running","role":"standby_leader",)"
                    R"("replication_state":"streaming"})");
  cli.member("pg2", R"({"conn_url":"postgres://b:5432/x","state":"starting","role":"replica"})");
  EXPECT_EQ(cli.run({"list", "-f", "json"}), 0);
  EXPECT_NE(cli.console.written.find(R"("Member": "pg1", "Host": "a", "Role": "Standby Leader", "State": "streaming")"),
            std::string::npos) << cli.console.written;
  EXPECT_NE(cli.console.written.find(R"("Member": "pg2", "Host": "b", "Role": "Replica", "State": "starting")"),
            std::string::npos) << cli.console.written;
}

// CTL-099, CTL-101
TEST(Members, ExtendedAddsAllColumns) {
  Cli cli;
  cli.make_shop();
  cli.member("pg3", R"({"conn_url":"postgres://10.1.0.3:5432/postgres","state":"running","role":"replica",)"
                    R"("scheduled_restart":{"schedule":"2030-01-01T02:00:00+00:00","postgres_version":"16.5"}})");
  EXPECT_EQ(cli.run({"list", "-e", "-f", "tsv"}), 0);
  EXPECT_NE(cli.console.written.find("\tPending restart\tPending restart reason\tScheduled restart\tTags\n"),
            std::string::npos);
  EXPECT_NE(cli.console.written.find("\t\t\t2030-01-01T02:00:00+00:00 if version < 16.5\t\n"), std::string::npos)
      << cli.console.written;
}

// CTL-079, CTL-080, CTL-081, CTL-082
TEST(Members, TimestampSeveralNamesAndWatching) {
  Cli cli;
  cli.config.scope.clear();
  EXPECT_EQ(cli.run({"list"}), 0);
  EXPECT_EQ(cli.console.written, "");

  EXPECT_EQ(cli.run({"list", "a", "b", "-t"}), 0);
  EXPECT_TRUE(cli.console.written.starts_with("2026-03-01 10:00:00\n+ Cluster: a "));
  EXPECT_NE(cli.console.written.find("+ Cluster: b (uninitialized)"), std::string::npos);
  EXPECT_EQ(cli.clusters.at("a").loads, 1);

  FakeStore& watched = cli.clusters.at("w");
  watched.before_load[4] = [&] { watched.unreachable = true; };  // ends the watching
  const Instant began = cli.scheduler.now();
  EXPECT_EQ(cli.run({"list", "w", "-W", "-w", "1.5"}), 1);
  EXPECT_EQ(watched.loads, 4);
  EXPECT_EQ(cli.scheduler.now() - began, std::chrono::milliseconds(4500));
  EXPECT_EQ(cli.console.errors.substr(cli.console.errors.find("Error")), "Error: no store answers at 127.0.0.1:2379\n");
  EXPECT_EQ(cli.console.written.find('\x1b'), std::string::npos);  // not a terminal: nothing is cleared
}

}  // namespace
}  // namespace matriarch::ctl::testing
