// `remove` (spec section 14).
#include "ctl/commands.h"
#include "ctl/members.h"
#include "ctl/prompt.h"

namespace matriarch::ctl {
namespace {

Status ask_exactly(App& app, std::string_view question, std::string_view expected, std::string_view refusal) {
  auto answer = ask(app.console, question);
  if (!answer) return answer.error();
  return *answer == expected ? Status() : Error(Errc::kInvalid, std::string(refusal));
}

}  // namespace

Task<Status> remove(App& app, std::string cluster, std::optional<int> group, Format format) {
  if (app.citus_configured() && !group) {
    co_return Error(Errc::kInvalid, "For Citus clusters the --group must me specified");
  }
  auto loaded = co_await load_cluster(app, cluster, group);
  if (!loaded) co_return loaded.error();
  app.console.out(render_members(*loaded, {.format = format}));

  auto certain = ask_exactly(app, "Please confirm the cluster name to remove", cluster,
                             "Cluster names specified do not match");
  if (!certain) co_return certain;
  certain = ask_exactly(app,
                        fmt::format("You are about to remove all information in DCS for {}, please type: \"Yes I am "
                                    "aware\"", cluster),
                        "Yes I am aware", "You did not exactly type \"Yes I am aware\"");
  if (!certain) co_return certain;
  if (!loaded->main().is_unlocked()) {
    certain = ask_exactly(app, "This cluster currently is healthy. Please specify the leader name to continue",
                          loaded->main().leader_name(), "You did not specify the current leader of the cluster");
    if (!certain) co_return certain;
  }
  auto store = app.clusters.open({.scope = cluster, .group = group});
  if (!store) co_return store.error();
  co_return co_await (*store)->delete_cluster(app.store_ctx());
}

}  // namespace matriarch::ctl
