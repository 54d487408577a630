#include "postgres/guc_catalog.h"

#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "postgres/guc_value.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

using Names = std::vector<std::string_view>;

// The table does not print units; these are they (PG-426).
const std::map<std::string_view, Names>& unit_names() {
  static const std::map<std::string_view, Names> kUnits = {
      {"s",
       {"archive_timeout", "authentication_timeout", "autovacuum_naptime", "checkpoint_timeout", "checkpoint_warning",
        "idle_replication_slot_timeout", "post_auth_delay", "pre_auth_delay", "tcp_keepalives_idle",
        "tcp_keepalives_interval", "wal_receiver_status_interval"}},
      {"min", {"log_rotation_age", "old_snapshot_threshold", "wal_summary_keep_time"}},
      {"B",
       {"log_parameter_max_length", "log_parameter_max_length_on_error", "track_activity_query_size",
        "wal_decode_buffer_size"}},
      {"MB", {"max_slot_wal_keep_size", "max_wal_size", "min_wal_size", "min_dynamic_shared_memory", "wal_keep_size"}},
      {"kB",
       {"autovacuum_work_mem", "gin_pending_list_limit", "huge_page_size", "logical_decoding_work_mem",
        "log_rotation_size", "log_temp_files", "maintenance_work_mem", "max_stack_depth", "temp_file_limit",
        "vacuum_buffer_usage_limit", "wal_skip_threshold", "work_mem"}},
      {"8kB",
       {"effective_cache_size", "io_combine_limit", "io_max_combine_limit", "min_parallel_index_scan_size",
        "min_parallel_table_scan_size"}},
      {"ms",
       {"log_min_duration_sample", "log_min_duration_statement", "log_autovacuum_min_duration",
        "wal_retrieve_retry_interval", "log_startup_progress_interval", "client_connection_check_interval",
        "tcp_user_timeout"}},
  };
  return kUnits;
}

std::string_view unit_of(std::string_view name) {
  for (const auto& [unit, names] : unit_names()) {
    if (contains(names, name)) return unit;
  }
  if (name.ends_with("_flush_after") || name.ends_with("_buffers")) return "8kB";
  if (name.ends_with("_timeout") || name.ends_with("_delay")) return "ms";
  return "";
}

const Names& enum_words(std::string_view name) {
  static const Names kMessages = {"debug5", "debug4",  "debug3", "debug2", "debug1", "debug", "info",
                                  "notice", "warning", "error",  "log",    "fatal",  "panic"};
  static const Names kTls = {"", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  static const std::map<std::string_view, Names> kWords = {
      {"archive_mode", {"always", "on", "off"}},
      {"backslash_quote", {"safe_encoding", "on", "off"}},
      {"bytea_output", {"escape", "hex"}},
      {"client_min_messages", kMessages},
      {"compute_query_id", {"auto", "regress", "on", "off"}},
      {"constraint_exclusion", {"partition", "on", "off"}},
      {"default_toast_compression", {"pglz", "lz4"}},
      {"default_transaction_isolation", {"serializable", "repeatable read", "read committed", "read uncommitted"}},
      {"dynamic_shared_memory_type", {"posix", "sysv", "mmap"}},
      {"huge_pages", {"off", "on", "try"}},
      {"intervalstyle", {"postgres", "postgres_verbose", "sql_standard", "iso_8601"}},
      {"log_error_verbosity", {"terse", "default", "verbose"}},
      {"log_min_error_statement", kMessages},
      {"log_min_messages", kMessages},
      {"log_statement", {"none", "ddl", "mod", "all"}},
      {"password_encryption", {"md5", "scram-sha-256"}},
      {"plan_cache_mode", {"auto", "force_generic_plan", "force_custom_plan"}},
      {"recovery_init_sync_method", {"fsync", "syncfs"}},
      {"recovery_prefetch", {"off", "on", "try"}},
      {"recovery_target_action", {"pause", "promote", "shutdown"}},
      {"session_replication_role", {"origin", "replica", "local"}},
      {"shared_memory_type", {"sysv", "mmap"}},
      {"ssl_max_protocol_version", kTls},
      {"ssl_min_protocol_version", kTls},
      {"stats_fetch_consistency", {"none", "cache", "snapshot"}},
      {"synchronous_commit", {"local", "remote_write", "remote_apply", "on", "off"}},
      {"syslog_facility", {"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}},
      {"track_functions", {"none", "pl", "all"}},
      {"wal_compression", {"pglz", "lz4", "zstd", "on", "off"}},
      {"wal_level", {"minimal", "replica", "logical", "archive", "hot_standby"}},
      {"wal_sync_method", {"fsync", "fdatasync", "open_sync", "open_datasync"}},
      {"xmlbinary", {"base64", "hex"}},
      {"xmloption", {"content", "document"}},
      {"debug_parallel_query", {"off", "on", "regress"}},
      {"icu_validation_level",
       {"disabled", "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "info", "notice", "warning",
        "error"}},
      {"debug_logical_replication_streaming", {"buffered", "immediate"}},
      {"io_method", {"sync", "worker", "io_uring"}},
      {"file_copy_method", {"copy", "clone"}},
  };
  static const Names kNone;
  const auto found = kWords.find(name);
  return found == kWords.end() ? kNone : found->second;
}

// PG-427: settable, but not in the table.
constexpr std::array<std::string_view, 27> kUnlisted = {"allow_in_place_tablespaces",
                                                        "allow_system_table_mods",
                                                        "application_name",
                                                        "backtrace_functions",
                                                        "config_file",
                                                        "debug_discard_caches",
                                                        "force_parallel_mode",
                                                        "ignore_checksum_failure",
                                                        "ignore_invalid_pages",
                                                        "ignore_system_indexes",
                                                        "jit_debugging_support",
                                                        "jit_dump_bitcode",
                                                        "jit_expressions",
                                                        "jit_profiling_support",
                                                        "jit_tuple_deforming",
                                                        "post_auth_delay",
                                                        "pre_auth_delay",
                                                        "remove_temp_files_after_crash",
                                                        "restrict_nonsystem_relation_kind",
                                                        "trace_notify",
                                                        "trace_recovery_messages",
                                                        "trace_sort",
                                                        "transaction_deferrable",
                                                        "transaction_isolation",
                                                        "transaction_read_only",
                                                        "wal_consistency_checking",
                                                        "zero_damaged_pages"};

// The version in which an unlisted name appeared or disappeared, where it matters for 13 to 18 (PG-430, PG-431).
bool unlisted_in(std::string_view name, int major_version) {
  if (name == "force_parallel_mode") return major_version < 160000;
  if (name == "trace_recovery_messages") return major_version < 170000;
  if (name == "remove_temp_files_after_crash") return major_version >= 140000;
  if (name == "debug_discard_caches") return major_version >= 150000;
  return contains(kUnlisted, name);
}

double number(std::string_view text, double fallback) { return parse_number(text, "").value_or(fallback); }

std::optional<std::string> refused(std::string_view type, const std::string& name, const std::string& value) {
  log::warning("Removing {} parameter={} from the config due to the invalid value={}", type, name, value);
  return std::nullopt;
}

bool is_enum_word(const std::string& name, const std::string& value) {
  const auto& words = enum_words(name);
  if (words.empty()) return true;  // an enumeration of a version or a vendor that is not known here
  const auto lower = lower_case(value);
  if (std::ranges::any_of(words, [&lower](std::string_view word) { return lower_case(word) == lower; })) return true;
  return contains(words, std::string_view("on")) && parse_bool(value).has_value();
}

}  // namespace

Result<GucCatalog> GucCatalog::parse(std::string_view text, int major_version) {
  GucCatalog catalog;
  catalog.major_version_ = major_version;
  for (const auto line : lines_of(text)) {
    const auto fields = split(line, '\t');
    if (fields.size() < 7) continue;
    static const std::map<std::string_view, Type> kTypes = {{"BOOLEAN", Type::kBool},
                                                            {"INTEGER", Type::kInteger},
                                                            {"REAL", Type::kReal},
                                                            {"ENUM", Type::kEnum},
                                                            {"STRING", Type::kString}};
    const auto type = kTypes.find(fields[3]);
    if (type == kTypes.end()) continue;
    const auto name = lower_case(fields[0]);
    catalog.entries_[name] = Entry{.type = type->second,
                                   .least = number(fields[5], -HUGE_VAL),
                                   .most = number(fields[6], HUGE_VAL),
                                   .unit = unit_of(name)};
  }
  if (catalog.entries_.empty()) return Error(Errc::kInvalid, "postgres --describe-config lists no settings");
  return catalog;
}

bool GucCatalog::knows(std::string_view name) const {
  const auto lower = lower_case(name);
  return lower.find('.') != std::string::npos || entries_.contains(lower) || unlisted_in(lower, major_version_);
}

std::optional<std::string> GucCatalog::checked(const std::string& name, const std::string& value) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    if (knows(name)) return value;
    log::warning("Removing unexpected parameter={} value={} from the config", name, value);
    return std::nullopt;
  }
  const Entry& entry = found->second;
  switch (entry.type) {
    case Type::kString: return value;
    case Type::kBool: return parse_bool(value) ? std::optional(value) : refused("bool", name, value);
    case Type::kEnum: return is_enum_word(name, value) ? std::optional(value) : refused("enum", name, value);
    case Type::kInteger:
    case Type::kReal: break;
  }
  const char* const type = entry.type == Type::kReal ? "real" : "integer";
  auto amount = parse_number(value, entry.unit);
  if (!amount) {
    // With a unit on a setting whose unit is not known here, the server is the judge.
    if (entry.unit.empty() && (parse_number(value, "B") || parse_number(value, "us"))) return value;
    return refused(type, name, value);
  }
  if (entry.type == Type::kInteger) *amount = std::nearbyint(*amount);
  if (*amount >= entry.least && *amount <= entry.most) return value;
  const double limit = *amount < entry.least ? entry.least : entry.most;
  log::warning("Value={} of parameter={} is too {}, using {}{}", value, name, *amount < entry.least ? "low" : "big",
               limit, entry.unit);
  return entry.type == Type::kReal ? fmt::format("{}", limit) : fmt::format("{:.0f}", limit);
}

}  // namespace matriarch::postgres
