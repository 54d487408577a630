#include "postgres/recovery_conf.h"

#include <array>

#include "model/cluster.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

// PG-208: of the recovery settings these are not compared.
constexpr std::array<std::string_view, 5> kNotCompared = {"pause_at_recovery_target", "recovery_target_inclusive",
                                                          "recovery_target_action", "standby_mode", "trigger_file"};
// PG-209: may come from another included file when the manager does not define them.
constexpr std::array<std::string_view, 5> kTolerated = {"archive_cleanup_command", "promote_trigger_file",
                                                        "recovery_end_command", "recovery_min_apply_delay",
                                                        "restore_command"};

std::string text_of(const RecoverySettings& settings, std::string_view name) {
  const auto found = settings.find(std::string(name));
  return found == settings.end() ? std::string() : found->second;
}

void fill_defaults(ConnParams& params) {  // PG-212
  params.try_emplace("sslmode", "prefer");
  params.try_emplace("gssencmode", "prefer");
  params.try_emplace("channel_binding", "prefer");
  params.try_emplace("sslnegotiation", "postgres");
}

std::set<std::string_view> set_of_lines(std::string_view text) {
  const auto lines = lines_of(text);
  return {lines.begin(), lines.end()};
}

// PG-211: every wanted key has the same value; others do not matter.
bool same_upstream(const std::string& wanted_text, const RunningRecovery& running, const std::string& configured,
                   int major_version) {
  if (wanted_text.empty() != configured.empty()) return false;
  if (wanted_text.empty()) return true;
  const auto wanted = parse_conninfo(wanted_text);
  auto from_setting = parse_conninfo(configured);
  auto current = running.receiver_alive ? parse_conninfo(running.receiver_conninfo) : from_setting;
  if (!wanted || !current || !from_setting) return false;
  if (running.receiver_alive) {
    // The server shows another database name and masks the password.
    for (const std::string_view key : {"dbname", "password"}) {
      current->erase(std::string(key));
      if (const auto found = from_setting->find(key); found != from_setting->end()) current->insert(*found);
    }
  }
  fill_defaults(*current);
  for (const auto& [key, value] : *wanted) {
    if (key == "dbname" && major_version < 170000) continue;
    const auto found = current->find(key);
    if (found == current->end() || found->second != value) return false;
  }
  // PG-213: a password that was changed is in the file, not in the text.
  return running.wanted_passfile_content.empty() ||
         (running.passfile_content &&
          set_of_lines(*running.passfile_content) == set_of_lines(running.wanted_passfile_content));
}

FollowChange effect_of(const std::map<std::string, GucRow>& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found != settings.end() && found->second.context == "postmaster" ? FollowChange::kRestart
                                                                          : FollowChange::kReload;
}

bool same_setting(const std::string& name, const std::string& wanted, const GucRow& row, const std::string& main_conf) {
  const bool tolerated = contains(kTolerated, name) && !row.source_file.empty() && row.source_file != main_conf;
  if (tolerated && wanted.empty()) return true;
  if (name == "recovery_min_apply_delay") {
    return parse_integer(row.setting, "ms").value_or(0) ==
           parse_integer(wanted.empty() ? "0" : wanted, "ms").value_or(-1);
  }
  return row.setting == wanted;
}

}  // namespace

ConnParams upstream_params(const PostgresOptions& options, const Upstream& upstream, const FollowFacts& facts) {
  ConnParams params = member_params(upstream.address, options.replication);
  params.erase("password");
  if (upstream.address.dbname.empty()) params["dbname"] = options.database;
  if (!facts.passfile.empty()) params["passfile"] = facts.passfile;
  params["application_name"] = options.name;
  params.try_emplace("sslmode", "prefer");
  params.try_emplace("gssencmode", "prefer");
  params.try_emplace("channel_binding", "prefer");
  if (facts.major_version >= 170000) params.try_emplace("sslnegotiation", "postgres");
  if (!options.krbsrvname.empty()) params["krbsrvname"] = options.krbsrvname;
  const bool remote = upstream.member.empty();
  const bool several_hosts = upstream.address.host.find(',') != std::string::npos;
  const bool slot = remote && options.standby_cluster && !options.standby_cluster->primary_slot_name.empty();
  if (remote && several_hosts && slot) params["target_session_attrs"] = "read-write";  // PG-196
  return params;
}

RecoverySettings recovery_settings(const PostgresOptions& options, const StandbyTarget& target,
                                   const FollowFacts& facts) {
  RecoverySettings result = configured_recovery(options, target.role, facts.major_version);
  std::erase_if(result, [](const auto& setting) {
    return setting.first.starts_with("recovery_target") || setting.first == "primary_conninfo" ||
           setting.first == "primary_slot_name";
  });
  result["recovery_target_timeline"] = "latest";
  for (const char* name : {"recovery_target", "recovery_target_name", "recovery_target_time", "recovery_target_xid",
                           "recovery_target_lsn"}) {
    result[name] = "";  // PG-193
  }
  if (const auto& remote = options.standby_cluster) {  // PG-197
    if (remote->restore_command) result["restore_command"] = *remote->restore_command;
    if (remote->archive_cleanup_command) result["archive_cleanup_command"] = *remote->archive_cleanup_command;
    const bool follows_remote = target.upstream && target.upstream->member.empty();
    if (follows_remote && remote->recovery_min_apply_delay) {
      result["recovery_min_apply_delay"] = *remote->recovery_min_apply_delay;
    }
  }
  const auto& upstream = target.upstream;
  if (!upstream || upstream->address.host.empty() || upstream->member == options.name) return result;
  result["primary_conninfo"] = print_conninfo(upstream_params(options, *upstream, facts), facts.major_version);
  if (upstream->member.empty()) {
    if (options.standby_cluster && upstream->use_slot && !options.standby_cluster->primary_slot_name.empty()) {
      result["primary_slot_name"] = options.standby_cluster->primary_slot_name;
    }
  } else if (options.use_slots && upstream->use_slot) {
    result["primary_slot_name"] = slot_name_of_member(options.name);
  }
  return result;
}

FollowChange compare_recovery(const RecoverySettings& wanted, const RunningRecovery& running, int major_version) {
  FollowChange change = FollowChange::kNone;
  const auto differs = [&](const std::string& name) { change = std::max(change, effect_of(running.settings, name)); };
  const std::string wanted_conninfo = text_of(wanted, "primary_conninfo");
  for (const auto& [name, row] : running.settings) {
    if (!is_recovery_setting(name) || contains(kNotCompared, name)) continue;
    if (name == "primary_conninfo") {
      if (!same_upstream(wanted_conninfo, running, row.setting, major_version)) differs(name);
    } else if (name == "primary_slot_name") {
      const std::string& current = running.receiver_alive ? running.receiver_slot : row.setting;  // PG-210
      if (!wanted_conninfo.empty() && current != text_of(wanted, name)) differs(name);
    } else if (!same_setting(name, text_of(wanted, name), row, running.main_conf)) {
      differs(name);
    }
  }
  return change;
}

}  // namespace matriarch::postgres
