// `edit-config` (spec section 11).
#include "base/files.h"
#include "config/yaml.h"
#include "ctl/commands.h"
#include "ctl/config_patch.h"
#include "ctl/diff.h"
#include "ctl/programs.h"
#include "ctl/prompt.h"
#include "ctl/resume.h"
#include "model/codec.h"

namespace matriarch::ctl {
namespace {

constexpr std::size_t kMaxDocument = 1u << 20;

struct Edited {
  Value document;
  std::string text;  // its YAML, or what the person typed
};

// A YAML map from a file or, for "-", from standard input (CTL-221, CTL-222).
Result<Value> read_map(App& app, const std::string& file) {
  Result<std::string> text = file == "-" ? Result<std::string>(app.console.read_rest(kMaxDocument + 1))
                                         : read_file(file, kMaxDocument);
  if (!text) return text.error();
  config::Warnings warnings;
  auto value = config::parse_yaml(*text, file, warnings);
  if (!value || value->is_map()) return value;
  return Error(Errc::kInvalid, fmt::format("{}: a YAML map is expected", file));
}

Status apply_settings(Value& document, const EditConfigOptions& options) {
  std::vector<Setting> settings;
  const auto collect = [&](const std::vector<std::string>& texts, auto parse) -> Status {
    for (const std::string& text : texts) {
      auto setting = parse(text);
      if (!setting) return setting.error();
      settings.push_back(std::move(*setting));
    }
    return {};
  };
  if (auto done = collect(options.set, parse_setting); !done) return done;
  if (auto done = collect(options.pg, parse_parameter); !done) return done;
  for (const Setting& setting : settings) apply_setting(document, setting);
  return {};
}

// CTL-207..209
Result<Edited> change_by_options(App& app, const EditConfigOptions& options, Value document) {
  if (options.replace) {
    auto map = read_map(app, *options.replace);
    if (!map) return map.error();
    document = Value(Value::Map());
    for (auto& [key, value] : map->as_map()) {
      if (!value.is_null()) document.as_map().set(key, std::move(value));
    }
  }
  if (options.apply) {
    auto map = read_map(app, *options.apply);
    if (!map) return map.error();
    apply_patch(document, *map);
  }
  if (auto done = apply_settings(document, options); !done) return done.error();
  std::string text = config::to_yaml(document);
  return Edited{.document = std::move(document), .text = std::move(text)};
}

// CTL-223..227
Result<Edited> change_in_editor(App& app, const EditConfigOptions& options, const Value& document) {
  app.console.flush();
  auto text = edit_text(options.cluster, config::to_yaml(document));
  if (!text) return text.error();
  config::Warnings warnings;
  auto edited = config::parse_yaml(*text, "the edited configuration", warnings);
  if (!edited) return edited.error();
  if (!edited->is_map()) return Error(Errc::kInvalid, "the edited configuration is not a YAML map: nothing was changed");
  return Edited{.document = std::move(*edited), .text = std::move(*text)};
}

// CTL-228..233
Status show_changes(App& app, const Value& before, const Edited& after) {
  const std::string diff = unified_diff(config::to_yaml(before), after.text);
  if (app.console.out_is_terminal()) {
    app.console.flush();
    return page_text(colored(diff));
  }
  app.console.out(diff);
  return {};
}

Error concurrent_changes() { return {Errc::kConflict, "Config modification aborted due to concurrent changes"}; }

// The pause is lifted by the members, as `resume` does it; what else was edited is written then. The configuration without
// the pause, none: refused, and said so.
Task<Result<std::optional<StoredConfig>>> resume_first(App& app, EditConfigOptions options, Loaded loaded) {
  const auto reply = co_await ask_to_pause(app, loaded.main(), false);
  if (!reply) co_return reply.error();
  if (reply->status != 200) {
    app.say_refused(fmt::format("Failed: resume cluster management status code={}, ({})", reply->status, reply->text));
    co_return std::nullopt;
  }
  auto now = co_await load_cluster(app, options.cluster, loaded.group);
  if (!now) co_return now.error();
  StoredConfig expected = *loaded.main().config;
  expected.data.as_map().erase("pause");
  const auto& stored = now->main().config;
  if (!stored || stored->data != expected.data) co_return concurrent_changes();
  co_return stored;
}

}  // namespace

Task<Status> edit_config(App& app, EditConfigOptions options) {
  const auto group = main_group(app, options.group);
  auto loaded = co_await load_cluster(app, options.cluster, group);
  if (!loaded) co_return loaded.error();
  std::optional<StoredConfig> stored = loaded->main().config;
  if (!stored) {
    co_return Error(Errc::kNotFound, fmt::format("The config key does not exist in the cluster {}", options.cluster));
  }
  const Value before = stored->data.is_map() ? stored->data : Value(Value::Map());
  const bool by_options = options.replace || options.apply || !options.set.empty() || !options.pg.empty();
  auto after = by_options ? change_by_options(app, options, before) : change_in_editor(app, options, before);
  if (!after) co_return after.error();

  if (after->document == before) {
    if (!options.quiet) app.say("Not changed");
    co_return Status();
  }
  if (!options.quiet) {
    if (auto shown = show_changes(app, before, *after); !shown) co_return shown;
  }
  if (!options.force && (options.apply == "-" || options.replace == "-")) {
    app.say("Use --force option to apply changes");
    co_return Status();
  }
  if (!options.force) {
    auto yes = confirm(app.console, "Apply these changes?");
    if (!yes) co_return yes.error();
    if (!*yes) co_return Status();
  }
  if (is_paused(before) && !is_paused(after->document) && resume_is_guarded(loaded->main())) {
    auto resumed = co_await resume_first(app, options, *loaded);
    if (!resumed) co_return resumed.error();
    if (!*resumed) co_return Status();
    stored = std::move(*resumed);
  }
  auto store = app.clusters.open({.scope = options.cluster, .group = group});
  if (!store) co_return store.error();
  // An unusable document has no version to compare with (DCS-111): it can only be replaced.
  std::optional<Version> expected;
  if (!stored->version.empty()) expected = stored->version;
  auto written = co_await (*store)->set_config(to_json(after->document), expected, app.store_ctx());
  if (!written) {
    if (written.error().code() == Errc::kConflict) co_return concurrent_changes();
    co_return Error(written.error().code(), concurrent_changes().text() + ": " + written.error().text());
  }
  app.say("Configuration changed");
  co_return Status();
}

}  // namespace matriarch::ctl
