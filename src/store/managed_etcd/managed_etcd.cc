#include "store/managed_etcd/managed_etcd.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/wait.h"

namespace matriarch::managed_etcd {

namespace {

using namespace std::chrono_literals;

constexpr Duration kTick = 1s;
constexpr Duration kDisk = 10s;          // for small files on a slow disk
constexpr Duration kAsk = 2s;            // partners and members
constexpr Duration kNextLook = 500ms;    // while waiting for others
constexpr Duration kFirstPause = 200ms;  // before a restart; doubled up to
constexpr Duration kLongestPause = 30s;
constexpr Duration kSettled = 1min;  // who ran as long starts again at once
constexpr Duration kStopPatience = 10s;
constexpr std::size_t kShownLog = 600;  // bytes

struct Found {
  Identity identity;
  bool has_data = false;
  std::vector<http::HostPort> endpoints;
  std::optional<EtcdProcess> process;
};

Result<Found> find_all(const Home& home) {
  if (const auto made = home.prepare(); !made) return made.error();
  auto identity = home.read_identity();
  if (!identity) return identity.error();
  // Its instance must be the same for as long as the folder lives.
  if (const auto written = home.write_identity(*identity); !written) return written.error();
  return Found{.identity = std::move(*identity),
               .has_data = home.has_data(),
               .endpoints = home.read_endpoints(),
               .process = EtcdProcess::find(home)};
}

// run() reports its own failures, too.
Status flat(Result<Status> result) { return result ? std::move(*result) : Status(result.error()); }

}  // namespace

Result<std::unique_ptr<ManagedEtcd>> ManagedEtcd::create(Reactor& reactor, ManagedOptions options) {
  Clients clients;
  if (options.rest_https) {
    auto tls = http::TlsContext::for_client(options.rest_tls);
    if (!tls) return tls.error().in("section ctl (or restapi)");
    clients.rest = std::move(*tls);
  }
  if (options.https) {
    auto tls = http::TlsContext::for_client({.ca = options.cacert, .cert_file = options.cert, .key_file = options.key});
    if (!tls) return tls.error().in("section etcd3");
    clients.etcd = std::move(*tls);
  }
  return std::unique_ptr<ManagedEtcd>(new ManagedEtcd(reactor, std::move(options), std::move(clients)));
}

ManagedEtcd::ManagedEtcd(Reactor& reactor, ManagedOptions options, Clients clients)
    : reactor_(reactor),
      options_(std::move(options)),
      home_(options_.home),
      partners_(reactor, options_, std::move(clients.rest)),
      admin_(reactor, std::move(clients.etcd)),
      disk_(reactor),
      upkeep_(reactor, options_, home_, disk_, admin_) {}

Report ManagedEtcd::report() const {
  Report report{.scope = options_.scope, .name = options_.name, .instance = identity_.instance};
  report.state = has_data_ ? DataState::kMember : DataState::kNone;
  report.alone = options_.partners.empty();
  report.lost = identity_.has_run && !has_data_ && !process_;
  report.partners = partners_.all();
  report.vote = identity_.vote;
  report.peer_url = peer_url(options_);
  report.client_url = client_url(options_);
  const auto& status = upkeep_.status();
  report.doing = process_ ? (status ? "running" : "starting") : "waiting";
  report.reason = reason_;
  report.member_id = identity_.member_id;
  report.cluster_id = identity_.cluster_id;
  if (process_) report.pid = process_->pid();
  if (status) {
    report.learner = status->learner;
    report.leader = !status->member_id.empty() && status->leader_id == status->member_id;
    report.db_size = status->db_size;
  }
  return report;
}

Task<void> ManagedEtcd::run(std::stop_token stop) {
  const Ctx ctx{.stop = stop};
  began_ = reactor_.now();
  while (!stop.stop_requested()) {
    if (!prepared_) {
      if (const auto status = co_await prepare(ctx); !status) {
        say(status.error().text(), true);
        (void)co_await pause_for(reactor_, kSettled / 12, ctx);  // a stop is seen above
        continue;
      }
    }
    if (process_) {
      co_await live(ctx);
    } else {
      co_await begin(ctx);
    }
  }
  if (process_ && options_.stop_with_agent) {
    log::info("stopping etcd with the agent (etcd3.stop_with_agent)");
    co_await process_->stop(reactor_, kStopPatience);
  }
}

Task<Status> ManagedEtcd::prepare(Ctx ctx) {
  auto prepared = co_await disk_.run(ctx.until(reactor_.now() + kDisk), [home = home_] { return find_all(home); });
  if (!prepared) co_return prepared.error();
  if (!*prepared) co_return prepared->error();
  Found& found = **prepared;
  identity_ = std::move(found.identity);
  has_data_ = found.has_data;
  upkeep_.know(std::move(found.endpoints));
  if (found.process) {
    process_ = std::move(found.process);
    started_at_ = reactor_.now();
    log::info("etcd runs already (pid {}): taken over from a former agent", process_->pid());
  }
  prepared_ = true;
  co_return Status();
}

// One step on the way to a running etcd.
Task<void> ManagedEtcd::begin(Ctx ctx) {
  if (pause_ > Duration::zero()) (void)co_await pause_for(reactor_, pause_, ctx);  // a stop is seen by the caller
  if (ctx.stop.stop_requested()) co_return;
  co_await look_at_data(ctx);
  const Situation situation = co_await look(ctx);
  Verdict verdict = decide(situation);
  if (verdict.act == Act::kWait || verdict.act == Act::kRefuse) {
    say(std::move(verdict.reason), verdict.act == Act::kRefuse);
    (void)co_await pause_for(reactor_, kNextLook, ctx);  // as above
    co_return;
  }
  log::info("managed etcd: {}", verdict.reason);
  const auto done = co_await carry_out(std::move(verdict), ctx);
  if (done) {
    reason_.clear();
    co_return;
  }
  if (ctx.stop.stop_requested()) co_return;
  say(done.error().text(), true);
  (void)co_await pause_for(reactor_, 2 * kNextLook, ctx);  // as above
}

Task<void> ManagedEtcd::look_at_data(Ctx ctx) {
  const auto has = co_await disk_.run(ctx.until(reactor_.now() + kDisk), [home = home_] { return home.has_data(); });
  if (has) has_data_ = *has;  // a disk that does not answer has not lost anything yet
}

Task<Situation> ManagedEtcd::look(Ctx ctx) {
  Situation situation{.own = report(), .has_run = identity_.has_run};
  situation.patience_over = reactor_.now() - began_ >= options_.bootstrap_patience;
  if (has_data_ && !ended_by_itself_) co_return situation;  // nothing to ask anybody
  situation.answers = co_await partners_.ask(ctx.until(reactor_.now() + kAsk));
  co_await look_at_members(&situation, ctx);
  co_return situation;
}

Task<void> ManagedEtcd::look_at_members(Situation* situation, Ctx ctx) {
  std::vector<http::HostPort> endpoints;
  for (const Answer& answer : situation->answers) {
    const bool member =
        answer.report && answer.report->scope == options_.scope && answer.report->state == DataState::kMember;
    const auto url =
        member ? http::parse_url(answer.report->client_url) : Result<http::Url>(Error(Errc::kNotFound, ""));
    if (!url) continue;
    endpoints.push_back(url->address);
    if (situation->members || answer.report->alone) continue;
    auto members = co_await admin_.members(*url, ctx.until(reactor_.now() + kAsk));
    if (!members || members->empty()) continue;  // a learner, or not up yet: the next one knows
    joins_through_ = *url;
    const bool same_cluster = !identity_.cluster_id.empty() && answer.report->cluster_id == identity_.cluster_id;
    situation->was_removed =
        has_data_ && same_cluster && !identity_.member_id.empty() &&
        std::ranges::none_of(*members, [this](const ListedMember& m) { return m.id == identity_.member_id; });
    situation->members = std::move(*members);
  }
  if (!endpoints.empty() && !has_data_) upkeep_.know(std::move(endpoints));
}

Task<Status> ManagedEtcd::carry_out(Verdict verdict, Ctx ctx) {
  Identity identity = identity_;
  switch (verdict.act) {
    case Act::kVote: identity.vote = std::move(verdict.vote); co_return co_await remember(std::move(identity), ctx);
    case Act::kBootstrap:
      identity.has_run = true;
      if (const auto status = co_await remember(std::move(identity), ctx); !status) co_return status;
      co_return co_await start({.initial = verdict.vote.members, .token = verdict.vote.token}, ctx);
    case Act::kAddLearner: co_return co_await join(ctx);
    case Act::kStartJoining:
      identity.has_run = true;
      identity.vote = {};
      identity.member_id.clear();
      if (const auto status = co_await remember(std::move(identity), ctx); !status) co_return status;
      co_return co_await start({.initial = verdict.initial, .existing = true}, ctx);
    case Act::kSetAside: {
      const auto aside =
          co_await disk_.run(ctx.until(reactor_.now() + kDisk), [home = home_] { return home.set_data_aside(); });
      if (const auto status = flat(aside); !status) co_return status;
      co_return co_await remember({.instance = identity.instance}, ctx);
    }
    case Act::kStart: co_return co_await start({}, ctx);
    case Act::kWait:
    case Act::kRefuse: break;
  }
  co_return Status();
}

Task<Status> ManagedEtcd::remember(Identity identity, Ctx ctx) {
  const auto written = flat(co_await disk_.run(ctx.until(reactor_.now() + kDisk),
                                               [home = home_, identity] { return home.write_identity(identity); }));
  if (written) identity_ = std::move(identity);
  co_return written;
}

Task<Status> ManagedEtcd::join(Ctx ctx) {
  if (!joins_through_) co_return Error(Errc::kUnavailable, "no member of etcd is known");
  const auto added =
      co_await admin_.add_learner(*joins_through_, peer_url(options_), ctx.until(reactor_.now() + 2 * kAsk));
  if (!added) co_return added.error().in("etcd does not take this node as a learner yet");
  co_return added;
}

Task<Status> ManagedEtcd::start(Beginning beginning, Ctx ctx) {
  auto started = co_await disk_.run(
      ctx.until(reactor_.now() + kDisk),
      [home = home_, bin = options_.bin, text = config_text(options_, home_, beginning)]() -> Result<EtcdProcess> {
        if (auto running = EtcdProcess::find(home)) return std::move(*running);
        if (const auto written = write_file_atomically(home.config_file(), text); !written) return written.error();
        return EtcdProcess::start(home, bin);
      });
  if (!started) co_return started.error();
  if (!*started) co_return started->error();
  process_.emplace(std::move(**started));
  started_at_ = reactor_.now();
  told_running_ = false;
  log::info("etcd started (pid {}), its log: {}", process_->pid(), home_.log_file().string());
  if (options_.partners.empty()) {
    log::warning(
        "etcd3.partners is not set: this store has ONE member. If it is lost, so is the store, and no other node may "
        "join it. For a real cluster name the REST addresses of at least three nodes or witnesses on each of them");
  }
  co_return Status();
}

Task<void> ManagedEtcd::live(Ctx ctx) {
  auto how = co_await process_->ended(reactor_, ctx.until(reactor_.now() + kTick));
  if (how) {
    co_await after_end(std::move(*how), ctx);
    co_return;
  }
  if (how.error().code() != Errc::kTimeout) co_return;
  co_await upkeep_.tick(ctx);
  if (!has_data_) co_await look_at_data(ctx);
  const auto& status = upkeep_.status();
  if (!status || status->member_id.empty()) co_return;
  say_that_it_runs();
  if (status->member_id == identity_.member_id && status->cluster_id == identity_.cluster_id) co_return;
  Identity identity = identity_;
  identity.has_run = true;
  identity.member_id = status->member_id;
  identity.cluster_id = status->cluster_id;
  if (const auto written = co_await remember(std::move(identity), ctx); !written) say(written.error().text(), true);
}

Task<void> ManagedEtcd::after_end(std::string how, Ctx ctx) {
  process_.reset();
  upkeep_.forget();
  ended_by_itself_ = true;
  co_await look_at_data(ctx);
  const auto tail =
      co_await disk_.run(ctx.until(reactor_.now() + kDisk), [home = home_] { return home.log_tail(kShownLog); });
  const Duration lived = reactor_.now() - started_at_;
  pause_ = lived >= kSettled ? kFirstPause : std::clamp(2 * pause_, kFirstPause, kLongestPause);
  log::error("etcd has ended ({}) after {:.1f} s; next try in {:.1f} s. The end of its log: {}", how, to_seconds(lived),
             to_seconds(pause_), tail.value_or(""));
  // It never came as far as to vote: nothing is lost when it begins once more.
  if (has_data_ || !identity_.has_run || !identity_.member_id.empty()) co_return;
  Identity identity = identity_;
  identity.has_run = false;
  (void)co_await remember(std::move(identity), ctx);  // else a person is asked to decide
}

void ManagedEtcd::say(std::string reason, bool trouble) {
  if (reason == reason_) return;
  reason_ = std::move(reason);
  if (trouble) {
    log::error("managed etcd: {}", reason_);
  } else {
    log::info("managed etcd: {}", reason_);
  }
}

void ManagedEtcd::say_that_it_runs() {
  const auto& status = *upkeep_.status();
  if (told_running_ || status.leader_id.empty()) return;
  told_running_ = true;
  ended_by_itself_ = false;
  reason_.clear();
  log::info("etcd {} runs: member {} of cluster {}{}", status.version, status.member_id, status.cluster_id,
            status.learner ? ", a learner still" : "");
}

}  // namespace matriarch::managed_etcd
