#include "postgres/config_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "postgres/data_directory.h"
#include "postgres/guc_value.h"
#include "postgres/paths.h"
#include "postgres/pgpass.h"

namespace matriarch::postgres {

namespace fs = std::filesystem;

namespace {

// PG-161: what initdb or the administrator wrote becomes the base of what we write.
Status keep_base(const fs::path& main, const fs::path& base) {
  std::error_code error;
  if (fs::exists(base, error) || !fs::exists(main, error)) return {};
  fs::rename(main, base, error);
  if (error) return errno_error(error.value(), fmt::format("cannot rename {}", main.string()));
  return {};
}

Status clean_auto_conf(const fs::path& path, mode_t mode) {
  const auto present = read_file(path);
  if (!present) return {};
  const auto cleaned = without_recovery_settings(*present);
  if (!cleaned) return {};
  log::info("removed recovery settings from {}", path.string());
  return write_file_atomically(path, *cleaned, mode);
}

Status touch(const fs::path& path, mode_t mode) {
  std::error_code error;
  if (fs::exists(path, error)) return {};
  return write_file_atomically(path, "", mode);
}

Status remove_file(const fs::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno_error(errno, fmt::format("cannot remove {}", path.string()));
  return {};
}

Status copy_if_different(const fs::path& from, const fs::path& to, mode_t mode) {
  const auto content = read_file(from);
  if (!content) return content.error();
  const auto written = update_file(to, *content, mode);
  if (!written) return written.error();
  return {};
}

Status ensure_writable(const fs::path& directory, mode_t mode) {
  std::error_code error;
  if (!fs::exists(directory, error)) {
    fs::create_directories(directory, error);
    if (error) return errno_error(error.value(), fmt::format("cannot create {}", directory.string()));
    chmod(directory.c_str(), mode);
    return {};
  }
  if (!fs::is_directory(directory, error)) return Error(Errc::kInvalid, directory.string() + " is not a directory");
  if (access(directory.c_str(), W_OK | X_OK) != 0)
    return errno_error(errno, fmt::format("cannot write to {}", directory.string()));
  return {};
}

template <class T>
Task<Status> flattened(Task<Result<T>> task) {
  auto outer = co_await std::move(task);
  if (!outer) co_return outer.error();
  if constexpr (std::is_same_v<T, Status>) co_return *outer;
  co_return Status();
}

}  // namespace

Task<std::shared_ptr<const GucCatalog>> ConfigFiles::catalog(Ctx ctx) {
  const int major = core_.major_version();
  if (catalog_ && catalog_major_ == major) co_return catalog_;
  const auto run = co_await core_.run({program(core_.options, "postgres"), "--describe-config"}, {}, std::move(ctx));
  if (!run || !run->status.success()) co_return nullptr;
  auto parsed = GucCatalog::parse(run->out, major);
  if (!parsed) co_return nullptr;
  catalog_ = std::make_shared<const GucCatalog>(std::move(*parsed));
  catalog_major_ = major;
  co_return catalog_;
}

Task<Result<ConfigFiles::Written>> ConfigFiles::write(Ctx ctx) {
  const auto guard = co_await writing_.lock(ctx);
  if (!guard) co_return guard.error();
  const auto known = co_await catalog(ctx);
  ConfigFacts facts{.role = core_.role,
                    .major_version = core_.major_version(),
                    .synchronous_standby_names = synchronous_standby_names,
                    .recovery = recovery_,
                    .custom_bootstrap = custom_bootstrap,
                    .hot_standby_off = hot_standby_off,
                    .catalog = known.get()};
  const bool primary = core_.role == Role::kPrimary || core_.role == Role::kPromoted;
  if (!primary) {
    if (auto control = co_await core_.control_file(ctx)) facts.control = *control;
  }
  Written result{.config = make_server_config(core_.options, facts)};

  const auto main = main_conf(core_.options);
  if (core_.options.custom_conf.empty()) {
    if (const auto kept = keep_base(main, base_conf(core_.options)); !kept) co_return kept.error();
  }
  const auto main_written = co_await core_.write(main, result.config.main_conf, ctx);
  if (!main_written) co_return main_written.error();
  result.main = *main_written;
  if (!keep_existing_recovery) {
    const auto auto_conf = core_.data_dir() / "postgresql.auto.conf";
    if (const auto cleaned = clean_auto_conf(auto_conf, core_.mode_for(auto_conf)); !cleaned) co_return cleaned.error();
  }
  if (result.config.hba) {
    const auto written = co_await core_.write(config_dir(core_.options) / "pg_hba.conf", *result.config.hba, ctx);
    if (!written) co_return written.error();
    result.hba = *written;
  }
  if (result.config.ident) {
    const auto written = co_await core_.write(config_dir(core_.options) / "pg_ident.conf", *result.config.ident, ctx);
    if (!written) co_return written.error();
    result.ident = *written;
  }
  co_return result;
}

Task<Result<std::map<std::string, std::string>>> ConfigFiles::pgpass_for(ConnParams params, Ctx ctx) {
  std::map<std::string, std::string> env;
  const auto content = pgpass_content(params);
  if (content.empty()) co_return env;
  const auto path = pgpass_path(core_.options);
  const auto written =
      co_await core_.reactor.run_blocking(std::move(ctx), [path, content] { return write_pgpass(path, content); });
  if (!written) co_return written.error();
  if (!*written) co_return written->error();
  env["PGPASSFILE"] = path.string();
  co_return env;
}

Task<Result<RecoverySettings>> ConfigFiles::recovery_for(StandbyTarget target, Ctx ctx) {
  FollowFacts facts{.major_version = core_.major_version()};
  if (target.upstream && !target.upstream->address.host.empty()) {
    const auto env =
        co_await pgpass_for(member_params(target.upstream->address, core_.options.replication), std::move(ctx));
    if (!env) co_return env.error();
    if (!env->empty()) facts.passfile = pgpass_path(core_.options).string();
  }
  co_return recovery_settings(core_.options, target, facts);
}

Task<Status> ConfigFiles::set_recovery(RecoverySettings settings, bool standby, Ctx ctx) {
  recovery_ = std::move(settings);
  const auto made =
      co_await core_.write(core_.data_dir() / (standby ? "standby.signal" : "recovery.signal"), "", std::move(ctx));
  if (!made) co_return made.error();
  if (!standby) co_return remove_file(core_.data_dir() / "standby.signal");
  co_return Status();
}

Task<Status> ConfigFiles::remove_recovery(Ctx /*ctx*/) {
  recovery_.clear();
  for (const char* name : {"standby.signal", "recovery.signal"}) {
    if (auto removed = remove_file(core_.data_dir() / name); !removed) co_return removed;
  }
  co_return Status();
}

Task<void> ConfigFiles::save_copies(Ctx ctx) {
  if (custom_bootstrap) co_return;
  std::vector<fs::path> originals{main_conf(core_.options), config_dir(core_.options) / "pg_hba.conf",
                                  config_dir(core_.options) / "pg_ident.conf"};
  if (core_.options.custom_conf.empty()) originals.push_back(base_conf(core_.options));
  const auto copied = co_await core_.reactor.run_blocking(
      std::move(ctx), [originals, to = core_.data_dir(), mode = modes_in(core_.data_dir()).file]() -> Status {
        for (const auto& from : originals) {
          const auto copy = copy_if_different(from, to / (from.filename().string() + ".backup"), mode);
          if (!copy && copy.error().code() != Errc::kNotFound) return copy;
        }
        return {};
      });
  if (copied && !*copied) log::error("cannot keep copies of the configuration: {}", copied->error().text());
}

Task<Status> ConfigFiles::restore_missing(Ctx ctx) {
  std::vector<fs::path> wanted{main_conf(core_.options), config_dir(core_.options) / "pg_hba.conf",
                               config_dir(core_.options) / "pg_ident.conf"};
  if (core_.options.custom_conf.empty()) wanted.push_back(base_conf(core_.options));
  co_return co_await flattened(core_.reactor.run_blocking(
      std::move(ctx), [wanted, from = core_.data_dir(), mode = core_.mode_for(wanted.front())]() -> Status {
        std::error_code error;
        for (const auto& path : wanted) {
          if (fs::exists(path, error)) continue;
          const auto copy = copy_if_different(from / (path.filename().string() + ".backup"), path, mode);
          if (!copy && copy.error().code() != Errc::kNotFound) return copy;
          if (!copy && path.filename() == "pg_ident.conf") {
            if (auto made = touch(path, mode); !made) return made;
          }
        }
        return {};
      }));
}

Task<Status> ConfigFiles::append_bootstrap_hba(Ctx ctx) {
  const auto& lines = core_.options.bootstrap.pg_hba;
  if (lines.empty() || !core_.options.pg_hba.empty()) co_return Status();
  const auto path = config_dir(core_.options) / "pg_hba.conf";
  const auto present = read_file(path);
  std::string content = present ? *present : "";
  for (const auto& line : lines) content += line + "\n";
  const auto written = co_await core_.write(path, content, std::move(ctx));
  if (!written) co_return written.error();
  co_return Status();
}

Task<Status> ConfigFiles::ensure_directories(Ctx ctx) {
  std::vector<fs::path> directories;
  const bool empty = look_at_directory(core_.data_dir()).state == DataDirectory::kEmpty;
  const auto add = [&](const fs::path& path) {
    const auto full = path.is_absolute() ? path : core_.data_dir() / path;
    const bool within = full.string().starts_with(core_.data_dir().string() + "/");
    if (!(within && empty)) directories.push_back(full);
  };
  for (const char* name : {"unix_socket_directories", "stats_temp_directory"}) {
    const Value* value = core_.options.parameters.find(name);
    if (value == nullptr || value->is_null()) continue;
    std::string text = string_form(*value);
    for (std::size_t at = 0; at <= text.size();) {
      const auto comma = std::min(text.find(',', at), text.size());
      auto item = text.substr(at, comma - at);
      std::erase(item, ' ');
      if (!item.empty() && !item.starts_with('@')) add(item);
      at = comma + 1;
    }
  }
  if (core_.options.krbsrvname.empty()) directories.push_back(pgpass_path(core_.options).parent_path());
  co_return co_await flattened(core_.reactor.run_blocking(
      std::move(ctx), [directories, mode = modes_in(core_.data_dir()).directory]() -> Status {
        for (const auto& directory : directories) {
          if (auto made = ensure_writable(directory, mode); !made) return made;
        }
        return {};
      }));
}

}  // namespace matriarch::postgres
