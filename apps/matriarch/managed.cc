#include "managed.h"

namespace matriarch::app {

namespace {

http::HostPort endpoint(const config::HostPort& address) {
  return {.host = address.host, .port = static_cast<std::uint16_t>(address.port)};
}

}  // namespace

managed_etcd::ManagedOptions managed_options(const std::string& scope, const std::string& name,
                                             const config::RestApiConfig& restapi, const config::CtlConfig& ctl,
                                             const config::EtcdConfig& etcd) {
  managed_etcd::ManagedOptions to;
  to.scope = scope;
  to.name = name;
  to.rest_address = endpoint(restapi.connect_address);
  to.rest_https = restapi.tls();
  const bool with_certificate = !ctl.certfile.empty();
  to.rest_tls = {.ca = ctl.cacert,
                 .cert_file = ctl.certfile,
                 .key_file = ctl.keyfile,
                 .key_password = ctl.keyfile_password.reveal(),
                 .verify_chain = with_certificate,  // as other members are called
                 .verify_host = false};
  for (const config::HostPort& partner : etcd.partners) to.partners.push_back(endpoint(partner));
  to.client_address = endpoint(etcd.own.client_address);
  to.peer_address = endpoint(etcd.own.peer_address);
  to.home = etcd.data_dir;
  if (!etcd.bin.empty()) to.bin = etcd.bin;
  to.https = etcd.protocol == "https";
  to.cacert = etcd.tls.cacert;
  to.cert = etcd.tls.cert;
  to.key = etcd.tls.key;
  to.quota_bytes = std::int64_t{etcd.own.quota} << 20;
  to.bootstrap_patience = std::chrono::seconds(etcd.own.bootstrap_patience);
  to.snapshot_interval = std::chrono::seconds(etcd.own.snapshot_interval);
  to.snapshots_kept = etcd.own.snapshots_kept;
  to.defragment_interval = std::chrono::seconds(etcd.own.defragment_interval);
  to.stop_with_agent = etcd.own.stop_with_agent;
  return to;
}

}  // namespace matriarch::app
