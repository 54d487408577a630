// `list` and `topology` (spec section 5).
#include "base/log.h"
#include "base/wait.h"
#include "ctl/commands.h"
#include "ctl/members.h"
#include "ctl/times.h"

namespace matriarch::ctl {
namespace {

constexpr std::string_view kClearScreen = "\x1b[2J\x1b[1;1H";

Task<Status> list_once(App& app, const ListOptions& options) {
  const MembersStyle style{.format = options.format,
                           .layout = options.topology ? Layout::kTopology : Layout::kList,
                           .extended = options.extended};
  if (options.timestamp) app.say(local_seconds(app.scheduler.wall_now()));  // CTL-081
  for (const std::string& cluster : options.clusters) {
    auto loaded = co_await load_cluster(app, cluster, options.group);
    if (!loaded) co_return loaded.error();
    app.console.out(render_members(*loaded, style));
  }
  co_return Status();
}

}  // namespace

Task<Status> list(App& app, ListOptions options) {
  if (options.clusters.empty()) {
    log::warning("Listing members: No cluster names were provided");  // CTL-079
    co_return Status();
  }
  for (;;) {
    const Instant began = app.scheduler.now();
    if (options.watch_seconds > 0 && app.console.out_is_terminal()) app.console.out(kClearScreen);
    auto listed = co_await list_once(app, options);
    if (!listed || options.watch_seconds <= 0) co_return listed;
    app.console.flush();
    auto waited = co_await sleep_until(app.scheduler, began + from_seconds(options.watch_seconds), Ctx{});  // CTL-082
    if (!waited) co_return waited;
  }
}

}  // namespace matriarch::ctl
