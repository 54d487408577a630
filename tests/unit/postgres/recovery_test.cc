// What a standby follows, and whether that has to change (PG 3.7, 3.8).
#include <gtest/gtest.h>

#include "postgres/recovery_conf.h"
#include "postgres/timelines.h"

namespace matriarch::postgres {
namespace {

PostgresOptions some_options() {
  PostgresOptions options;
  options.name = "node-1";
  options.replication = {
      .username = "repl", .password = "secret", .params = {{"sslmode", "require"}, {"options", "-c evil"}}};
  return options;
}

const StandbyTarget kTarget{.upstream = Upstream{.member = "leader", .address = {.host = "10.0.0.2", .port = "5433"}}};
const FollowFacts kFacts{.major_version = 150000, .passfile = "/home/pgpass"};

TEST(RecoverySettings, ForAMember) {  // PG-192..195, PG-199, PG-200
  auto options = some_options();
  options.recovery_conf.set("recovery_target_time", "yesterday");
  options.recovery_conf.set("restore_command", "cp");
  const auto settings = recovery_settings(options, kTarget, kFacts);
  EXPECT_EQ(settings.at("primary_conninfo"),
            "dbname=postgres user=repl passfile=/home/pgpass host=10.0.0.2 port=5433 sslmode=require "
            "application_name=node-1 gssencmode=prefer channel_binding=prefer");
  EXPECT_EQ(settings.at("primary_slot_name"), "node_1");
  EXPECT_EQ(settings.at("recovery_target_timeline"), "latest");
  EXPECT_EQ(settings.at("recovery_target_time"), "");
  EXPECT_EQ(settings.at("restore_command"), "cp");
  EXPECT_FALSE(settings.contains("standby_mode"));
  options.use_slots = false;
  EXPECT_FALSE(recovery_settings(options, kTarget, kFacts).contains("primary_slot_name"));
}

TEST(RecoverySettings, NobodyOrItselfIsNotFollowed) {  // PG-195, PG-198
  EXPECT_FALSE(recovery_settings(some_options(), StandbyTarget{}, kFacts).contains("primary_conninfo"));
  StandbyTarget self = kTarget;
  self.upstream->member = "node-1";
  EXPECT_FALSE(recovery_settings(some_options(), self, kFacts).contains("primary_conninfo"));
}

TEST(RecoverySettings, ForARemotePrimary) {  // PG-196, PG-197
  auto options = some_options();
  options.standby_cluster = RemotePrimary{.host = "r1,r2",
                                          .port = "5432",
                                          .primary_slot_name = "ours",
                                          .restore_command = "fetch",
                                          .recovery_min_apply_delay = "1min"};
  const StandbyTarget target{.role = Role::kStandbyLeader,
                             .upstream = Upstream{.address = {.host = "r1,r2", .port = "5432"}}};
  const auto settings = recovery_settings(options, target, kFacts);
  EXPECT_NE(settings.at("primary_conninfo").find("target_session_attrs=read-write"), std::string::npos);
  EXPECT_EQ(settings.at("primary_slot_name"), "ours");
  EXPECT_EQ(settings.at("restore_command"), "fetch");
  EXPECT_EQ(settings.at("recovery_min_apply_delay"), "1min");
  const auto cascade = recovery_settings(options, kTarget, kFacts);  // a local member of the standby cluster
  EXPECT_EQ(cascade.at("restore_command"), "fetch");
  EXPECT_FALSE(cascade.contains("recovery_min_apply_delay"));
  options.standby_cluster->primary_slot_name.clear();
  EXPECT_FALSE(recovery_settings(options, target, kFacts).contains("primary_slot_name"));
}

TEST(Conninfo, NewerKeysAreLeftOut) {  // PG-121
  const ConnParams params{{"host", "a b"}, {"sslnegotiation", "direct"}, {"sslcrldir", "/x"}, {"password", "never"}};
  EXPECT_EQ(print_conninfo(params, 130000), "host=a\\ b");
  EXPECT_EQ(print_conninfo(params, 170000), "host=a\\ b sslcrldir=/x sslnegotiation=direct");
}

TEST(Conninfo, EveryKindOfBlankIsEscaped) {  // CFG-451
  const ConnParams params{{"host", "/a\tb\nc d"}, {"user", "it's \\"}};
  EXPECT_EQ(parse_conninfo(print_conninfo(params, 0)).value(), params);
}

TEST(Conninfo, BothFormsAreRead) {  // PG-212
  EXPECT_EQ(parse_conninfo("host=a port=1").value().find("port")->second, "1");
  EXPECT_EQ(parse_conninfo("postgresql://u@h:5/d?sslmode=require").value().find("sslmode")->second, "require");
  EXPECT_FALSE(parse_conninfo("no conninfo at all = '"));
}

class Compare : public testing::Test {
 protected:
  Compare() {
    wanted = recovery_settings(some_options(), kTarget, kFacts);
    for (const char* name :
         {"archive_cleanup_command", "primary_conninfo", "primary_slot_name", "recovery_end_command",
          "recovery_min_apply_delay", "recovery_target", "recovery_target_lsn", "recovery_target_name",
          "recovery_target_time", "recovery_target_timeline", "recovery_target_xid", "restore_command"}) {
      const auto found = wanted.find(name);
      running.settings[name] = {
          .setting = found == wanted.end() ? "" : found->second, .vartype = "string", .context = "sighup"};
    }
    running.settings["recovery_min_apply_delay"].setting = "0";
    running.settings["recovery_target_timeline"].context = "postmaster";
    running.main_conf = "/data/postgresql.conf";
    running.passfile_content = running.wanted_passfile_content = "x\n";
  }
  [[nodiscard]] FollowChange compare() const { return compare_recovery(wanted, running, 150000); }

  RecoverySettings wanted;
  RunningRecovery running;
};

TEST_F(Compare, Equal) { EXPECT_EQ(compare(), FollowChange::kNone); }

TEST_F(Compare, AnotherUpstreamNeedsAReload) {  // PG-214
  running.settings["primary_conninfo"].setting =
      "user=repl passfile=/home/pgpass host=10.0.0.9 port=5433 sslmode=require";
  EXPECT_EQ(compare(), FollowChange::kReload);
}

TEST_F(Compare, ContextDecidesAboutARestart) {  // PG-214
  running.settings["recovery_target_timeline"].setting = "current";
  EXPECT_EQ(compare(), FollowChange::kRestart);
}

TEST_F(Compare, ExtraKeysAndDefaultsDoNotMatter) {  // PG-211, PG-212
  running.settings["primary_conninfo"].setting =
      "user=repl passfile=/home/pgpass host=10.0.0.2 port=5433 sslmode=require application_name=node-1 keepalives=1";
  EXPECT_EQ(compare(), FollowChange::kNone);
}

TEST_F(Compare, ALivingReceiverIsTheTruth) {  // PG-210, PG-211
  running.receiver_alive = true;
  running.receiver_slot = "node_1";
  running.receiver_conninfo =
      "user=repl passfile=/home/pgpass host=10.0.0.2 port=5433 dbname=replication sslmode=require "
      "application_name=node-1";
  EXPECT_EQ(compare(), FollowChange::kNone);
  running.receiver_slot = "other";
  EXPECT_EQ(compare(), FollowChange::kReload);
  running.receiver_slot = "node_1";
  running.receiver_conninfo = "user=repl host=elsewhere";
  EXPECT_EQ(compare(), FollowChange::kReload);
}

TEST_F(Compare, AChangedPasswordIsInTheFile) {  // PG-213, PG-451
  running.passfile_content = "old\n";
  EXPECT_EQ(compare(), FollowChange::kReload);
  running.passfile_content.reset();
  EXPECT_EQ(compare(), FollowChange::kReload);
}

TEST_F(Compare, SettingsOfOtherIncludedFilesAreTolerated) {  // PG-209
  running.settings["restore_command"] = {.setting = "theirs", .context = "sighup", .source_file = "/etc/other.conf"};
  EXPECT_EQ(compare(), FollowChange::kNone);
  running.settings["restore_command"].source_file = running.main_conf;
  EXPECT_EQ(compare(), FollowChange::kReload);
}

TEST_F(Compare, WantedNone) {  // PG-198
  wanted = recovery_settings(some_options(), StandbyTarget{}, kFacts);
  EXPECT_EQ(compare(), FollowChange::kReload);
  running.settings["primary_conninfo"].setting = "";
  EXPECT_EQ(compare(), FollowChange::kNone);  // the slot is only compared with an upstream
}

TEST(History, LinesWithThreeFieldsCount) {  // PG-154
  const auto rows =
      parse_history_file("1\t0/3000000\tno recovery target specified\n\n# comment\n2\t0/5000148\tx\ty\n3\t1/0\t\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].timeline, 1U);
  EXPECT_EQ(rows[0].switch_lsn.value, 0x3000000U);
  EXPECT_EQ(rows[0].reason, "no recovery target specified");
  EXPECT_EQ(rows[1].timeline, 3U);
}

}  // namespace
}  // namespace matriarch::postgres
