// The sections of the local configuration, one function each. For make_local_config() only.
#pragma once

#include "base/result.h"
#include "config/local_config.h"
#include "config/reader.h"

namespace matriarch::config {

LogConfig read_log(const Reader& log);
Result<BasicAuth> read_basic_auth(const Reader& authentication);  // kInvalid: only one of the pair (CFG-264)
Result<RestApiConfig> read_restapi(const Reader& restapi);
Result<CtlConfig> read_ctl(const Reader& ctl, const Reader& restapi);
// The first section present, in the order of CFG-108; absent: there is none.
std::optional<StoreConfig> read_store(const Reader& root);
// What a managed etcd is told, defaults filled in from the REST API's address and PGDATA (empty: there is none). Does
// nothing for other stores. kInvalid: what cannot be right, with key, value and remedy.
Status read_managed(const Reader& root, const HostPort& rest, const std::filesystem::path& pgdata, StoreConfig& store);
// The same for the CLI, which only wants to reach it: nothing is refused.
void read_managed_client(const Reader& root, StoreConfig& store);
Result<PostgresqlLocal> read_postgresql_local(const Reader& postgresql);
std::optional<BootstrapConfig> read_bootstrap(const Reader& root, bool citus);
WatchdogConfig read_watchdog(const Reader& watchdog);
GuardianConfig read_guardian(const Reader& root);
std::optional<CitusConfig> read_citus(const Reader& root);
std::string normalized_namespace(std::string_view text);

// --name=value for the keys of `section` that are not in `own_keys`; values that are no scalars are skipped (PG-016).
TextPairs extra_arguments(const Value::Map& section, std::initializer_list<std::string_view> own_keys);

}  // namespace matriarch::config
