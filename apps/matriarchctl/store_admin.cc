#include "apps/matriarchctl/store_admin.h"

#include <algorithm>

#include <fmt/format.h>

#include "http/client.h"
#include "store/managed_etcd/admin.h"
#include "store/managed_etcd/home.h"

namespace matriarch {
namespace {

using managed_etcd::EtcdAdmin;

constexpr Duration kAsk = std::chrono::seconds(2);

class EtcdStoreAdmin final : public ctl::StoreAdmin {
 public:
  EtcdStoreAdmin(Reactor& reactor, const config::ClientConfig& config) : reactor_(reactor), config_(config) {}

  Task<Result<std::vector<ctl::StoreMember>>> members(Ctx ctx) override {
    if (const auto found = co_await find(ctx); !found) co_return found.error();
    const auto alarms = co_await admin_->alarms(*through_, within(ctx));
    std::vector<ctl::StoreMember> result;
    for (const auto& member : listed_) {
      ctl::StoreMember one{.name = member.name, .id = member.id, .role = member.learner ? "learner" : "voter"};
      if (!member.peer_urls.empty()) one.peer_url = member.peer_urls.front();
      if (!member.has_run()) {
        one.role = "not started";
        one.problem = "not started";
      } else {
        one.client_url = member.client_urls.front();
        co_await look_at(&one, ctx);
      }
      if (alarms) {
        for (const auto& alarm : *alarms) {
          if (alarm.member_id == member.id) one.alarms.push_back(alarm.kind);
        }
      }
      result.push_back(std::move(one));
    }
    std::ranges::sort(result, {}, &ctl::StoreMember::name);
    co_return result;
  }

  Task<Status> add(std::string peer_url, Ctx ctx) override {
    const auto url = http::parse_url(peer_url, 2380);
    if (!url) co_return url.error().in("the peer URL of the new member, as http://<host>:<port>");
    if (const auto found = co_await find(ctx); !found) co_return found;
    co_return co_await admin_->add_learner(*through_, url->origin(), ctx);
  }

  Task<Status> remove(std::string id, Ctx ctx) override {
    if (const auto found = co_await find(ctx); !found) co_return found;
    co_return co_await admin_->remove(*through_, std::move(id), ctx);
  }

  Task<Result<std::string>> snapshot(Ctx ctx) override {
    if (const auto found = co_await find(ctx); !found) co_return found.error();
    const auto contents = co_await admin_->contents(*through_, ctx);
    if (!contents) co_return contents.error();
    co_return managed_etcd::snapshot_text(*contents, config_.scope, to_iso8601(reactor_.wall_now()));
  }

  Task<Result<bool>> has_leader(Ctx ctx) override {
    if (const auto found = co_await find(ctx); !found) co_return found.error();
    const auto leader =
        co_await admin_->get(*through_, fmt::format("{}/{}/leader", config_.name_space, config_.scope), ctx);
    if (!leader && leader.error().code() != Errc::kNotFound) co_return leader.error();
    co_return leader.ok();
  }

  Task<Result<int>> restore(std::string text, Ctx ctx) override {
    const auto keys = managed_etcd::parse_snapshot(text);
    if (!keys) co_return keys.error();
    if (const auto found = co_await find(ctx); !found) co_return found.error();
    int count = 0;
    for (const auto& stored : *keys) {
      const auto written = co_await admin_->put(*through_, stored.key, stored.value, within(ctx));
      if (!written)
        co_return written.error().in(fmt::format("{} of {} keys were written; run it again", count, keys->size()));
      ++count;
    }
    co_return count;
  }

 private:
  [[nodiscard]] const config::EtcdConfig& etcd() const { return config_.store->etcd; }
  [[nodiscard]] Ctx within(const Ctx& ctx) const { return ctx.until(reactor_.now() + kAsk); }

  Status prepare() {
    if (admin_) return {};
    std::shared_ptr<const http::TlsContext> tls;
    if (etcd().protocol == "https") {
      auto made = http::TlsContext::for_client({.ca = etcd().tls.cacert,
                                                .cert_file = etcd().tls.cert,
                                                .key_file = etcd().tls.key,
                                                .key_password = etcd().tls.key_password.reveal(),
                                                .verify_chain = !etcd().tls.cacert.empty()});
      if (!made) return made.error().in("section etcd3");
      tls = std::move(*made);
    }
    admin_ = std::make_unique<EtcdAdmin>(reactor_, std::move(tls));
    return {};
  }

  // Where members may be: as configured, as the agent of this machine knows, as the partners say.
  Task<std::vector<http::Url>> places(Ctx ctx) {
    std::vector<http::Url> urls;
    const auto add = [&](std::string host, int port) {
      const http::HostPort address{.host = std::move(host), .port = static_cast<std::uint16_t>(port)};
      const bool known = std::ranges::any_of(urls, [&address](const http::Url& url) { return url.address == address; });
      if (!known) urls.push_back({.scheme = etcd().protocol, .address = address});
    };
    for (const auto& endpoint : etcd().endpoints) add(endpoint.host, endpoint.port);
    if (!etcd().managed) co_return urls;
    if (etcd().own.client_address.port != 0) add(etcd().own.client_address.host, etcd().own.client_address.port);
    for (const auto& address : managed_etcd::Home(etcd().data_dir).read_endpoints()) add(address.host, address.port);
    http::Client client(reactor_, {});
    for (const auto& partner : etcd().partners) {
      http::Call call{.url = {.scheme = "http",
                              .address = {.host = partner.host, .port = static_cast<std::uint16_t>(partner.port)},
                              .target = "/store"}};
      const auto response = co_await client.request(std::move(call), within(ctx));
      const auto report =
          response ? managed_etcd::parse_report(response->body) : Result<managed_etcd::Report>(response.error());
      const auto url = report ? http::parse_url(report->client_url) : Result<http::Url>(report.error());
      if (url) add(url->address.host, url->address.port);
    }
    co_return urls;
  }

  // A member that lists the others; learners do not.
  Task<Status> find(Ctx ctx) {
    if (through_) co_return Status();
    if (const auto ready = prepare(); !ready) co_return ready;
    std::string problems;
    const auto urls = co_await places(ctx);
    for (const http::Url& url : urls) {
      auto members = co_await admin_->members(url, within(ctx));
      if (members && !members->empty()) {
        through_ = url;
        listed_ = std::move(*members);
        co_return Status();
      }
      problems += fmt::format("{}{}", problems.empty() ? "" : "; ",
                              members ? url.origin() + ": no members" : members.error().text());
    }
    co_return Error(Errc::kUnavailable,
                    "no member of etcd answers: " + (problems.empty() ? "none is configured" : problems));
  }

  Task<void> look_at(ctl::StoreMember* member, Ctx ctx) {
    const auto url = http::parse_url(member->client_url);
    auto status = url ? co_await admin_->status(*url, within(ctx)) : Result<managed_etcd::MemberStatus>(url.error());
    if (!status) {
      member->problem = status.error().text();
      co_return;
    }
    member->version = status->version;
    member->db_size = status->db_size;
    if (!status->leader_id.empty() && status->leader_id == status->member_id) member->role = "leader";
    if (status->leader_id.empty()) member->problem = "has no leader";
  }

  Reactor& reactor_;
  const config::ClientConfig& config_;
  std::unique_ptr<EtcdAdmin> admin_;
  std::optional<http::Url> through_;
  std::vector<managed_etcd::ListedMember> listed_;
};

}  // namespace

std::unique_ptr<ctl::StoreAdmin> make_store_admin(Reactor& reactor, const config::ClientConfig& config) {
  return std::make_unique<EtcdStoreAdmin>(reactor, config);
}

}  // namespace matriarch
