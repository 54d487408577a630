// The parts of the etcd v3 store that need no server.
#include <gtest/gtest.h>

#include "http/encoding.h"
#include "store/etcd3/documents.h"
#include "store/etcd3/endpoints.h"
#include "store/etcd3/keys.h"
#include "store/etcd3/lookup.h"
#include "store/etcd3/options.h"
#include "store/etcd3/wire.h"

namespace matriarch::etcd3 {
namespace {

using namespace std::chrono_literals;

Value json(std::string_view text) { return parse_json(text).value(); }

TEST(BasePath, HasOneSlashEach) {  // DCS-007, DCS-008
  EXPECT_EQ(base_path({.name_space = "service", .scope = "demo"}), "/service/demo/");
  EXPECT_EQ(base_path({.name_space = "//service//", .scope = "demo"}), "/service/demo/");
  EXPECT_EQ(base_path({.name_space = "/", .scope = "demo"}), "/demo/");
  EXPECT_EQ(base_path({.name_space = "a/b", .scope = "demo", .group = 12}), "/a/b/demo/12/");
}

// --- documents

TEST(DocumentsTest, AreCutWhereverTheBytesWereCut) {  // DCS-272
  const std::string stream = "{\"a\":\"}{\\\"\"}\n{\"b\":[{},{\"c\":1}]}Grpc-Trailer: x{}";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    Documents documents(100);
    std::vector<std::string> all;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      auto some = documents.feed(std::string_view(stream).substr(at, size));
      ASSERT_TRUE(some.ok());
      all.insert(all.end(), some->begin(), some->end());
    }
    EXPECT_EQ(all, (std::vector<std::string>{"{\"a\":\"}{\\\"\"}", "{\"b\":[{},{\"c\":1}]}", "{}"})) << size;
  }
}

TEST(DocumentsTest, AreBounded) {
  Documents documents(10);
  EXPECT_TRUE(documents.feed("{\"a\":1}{\"b\":2}").ok());
  EXPECT_FALSE(documents.feed("{\"aaaaaaaaaaaaaaaaaaa").ok());
}

TEST(DocumentsTest, TheFirstOneOfAReplyCounts) {  // DCS-242
  EXPECT_EQ(first_document("{\"a\":\"\\\"}\"}Grpc-Trailer-Content-Type: application/grpc"), "{\"a\":\"\\\"}\"}");
  EXPECT_EQ(first_document(" \n{}{}"), "{}");
  EXPECT_EQ(first_document("{\"a\":"), "");
  EXPECT_EQ(first_document("Not Found"), "");
}

// --- the wire

TEST(Wire, PrefixEnd) {  // DCS-249
  EXPECT_EQ(prefix_end("/service/demo/"), "/service/demo0");
  EXPECT_EQ(prefix_end(std::string("a\xff\xff")), "b");
  EXPECT_EQ(prefix_end("\xff"), "");
}

TEST(Wire, RequestsAreAsDescribed) {  // DCS-248..256
  EXPECT_EQ(to_json(range_of_prefix("/d/")), R"({"key":"L2Qv","range_end":"L2Qw"})");
  EXPECT_EQ(to_json(put("k", "", "77")), R"({"key":"aw==","value":"","lease":"77"})");
  EXPECT_EQ(to_json(watch_prefix("/d/", 91)),
            R"({"create_request":{"key":"L2Qv","range_end":"L2Qw","start_revision":"91"}})");
  EXPECT_EQ(
      to_json(txn({compare_absent("k")}, {op_put(put("k", "v", ""))}, {op_range(range_of_key("k"))})),
      R"({"compare":[{"key":"aw==","target":"CREATE","create_revision":"0"}],)"
      R"("success":[{"request_put":{"key":"aw==","value":"dg=="}}],"failure":[{"request_range":{"key":"aw=="}}]})");
  EXPECT_EQ(to_json(compare_version("k", "88")), R"({"key":"aw==","target":"MOD","mod_revision":"88"})");
  EXPECT_EQ(to_json(compare_value("k", "me")), R"({"key":"aw==","target":"VALUE","value":"bWU="})");
  EXPECT_EQ(to_json(op_delete("k")), R"({"request_delete_range":{"key":"aw=="}})");
}

TEST(Wire, RepliesAreRead) {  // DCS-239
  const Value reply = json(R"({"header":{"cluster_id":"17801232528081817440","revision":"91","raft_term":"7"},
    "kvs":[{"key":"aw==","value":"dg==","lease":"7587862094","mod_revision":"88"},{"key":"bA==","mod_revision":89},
           {"key":"*"},{"value":"dg=="},5]})");
  const Header header = read_header(reply);
  EXPECT_EQ(header.cluster_id, 17801232528081817440u);
  EXPECT_EQ(header.revision, 91);
  EXPECT_EQ(header.raft_term, 7u);
  EXPECT_EQ(header.member_id, 0u);
  const auto kvs = read_key_values(reply);
  ASSERT_EQ(kvs.size(), 2u);
  EXPECT_EQ(kvs[0].lease, "7587862094");
  EXPECT_EQ(kvs[1].value, "");
  EXPECT_EQ(kvs[1].lease, "");
  EXPECT_EQ(read_header(json(R"({"result":{"header":{"raft_term":"3"}}})")).raft_term, 3u);
  const TxnReply failed = read_txn(json(R"({"header":{},"responses":[{"response_range":{"count":"0"}}]})"));
  EXPECT_FALSE(failed.succeeded);
  ASSERT_TRUE(failed.range.has_value());
  EXPECT_TRUE(failed.range->empty());
  EXPECT_FALSE(read_txn(json(R"({"succeeded":true,"responses":[{"response_put":{}}]})")).range.has_value());
}

TEST(Wire, ErrorsAreToldApart) {  // DCS-278..286
  const auto kind = [](std::string_view text) { return read_error(json(text)).value().kind; };
  EXPECT_FALSE(read_error(json(R"({"header":{}})")));
  EXPECT_EQ(kind(R"({"error":"etcdserver: requested lease not found","message":"...","code":5})"),
            ErrorKind::kLeaseNotFound);
  EXPECT_EQ(kind(R"({"error":"etcdserver: key not found","code":5})"), ErrorKind::kRefused);
  for (const char* text : {"etcdserver: user name is empty", "etcdserver: permission denied",
                           "etcdserver: invalid auth token", "etcdserver: revision of auth store is old"}) {
    EXPECT_EQ(kind(std::string(R"({"error":")") + text + R"(","code":3})"), ErrorKind::kAuthenticate) << text;
  }
  EXPECT_EQ(kind(R"({"error":"etcdserver: authentication failed, invalid user ID or password","code":3})"),
            ErrorKind::kBadCredentials);
  EXPECT_EQ(kind(R"({"error":"etcdserver: authentication is not enabled","code":9})"), ErrorKind::kAuthDisabled);
  EXPECT_EQ(kind(R"({"error":"etcdserver: request timed out","code":14})"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind(R"({"error":"not a primary lessor","code":2})"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind(R"({"error":"context deadline exceeded","code":4})"), ErrorKind::kRetry);
  EXPECT_EQ(kind(R"({"error":"something","code":9})"), ErrorKind::kRetry);
  EXPECT_EQ(kind(R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})"),
            ErrorKind::kUnavailable);
  EXPECT_EQ(kind(R"({"Error":"old form","Code":7})"), ErrorKind::kRefused);
  EXPECT_EQ(kind(R"({"error":"no code"})"), ErrorKind::kRefused);
  EXPECT_EQ(read_error(json(R"({"error":{"message":")" + std::string(5000, 'x') + R"("}})"))->text.size(), 200u);
}

// --- endpoints

http::Url url(std::uint16_t port) { return {.scheme = "http", .address = {"h", port}}; }

TEST(EndpointsTest, RotateAndTakeWhatWasDiscovered) {  // DCS-229, DCS-230
  Endpoints endpoints({url(1), url(2), url(2)});
  EXPECT_EQ(endpoints.size(), 2u);
  endpoints.failed(url(2));  // is not the current one: somebody else's late failure
  EXPECT_EQ(endpoints.current().address.port, 1);
  endpoints.failed(url(1));
  EXPECT_EQ(endpoints.current().address.port, 2);
  endpoints.discovered({url(3), url(2), url(4)});
  EXPECT_EQ(endpoints.current().address.port, 2) << "kept, since it is a member";
  endpoints.discovered({});
  EXPECT_EQ(endpoints.size(), 3u);
  endpoints.discovered({url(5), url(6)});
  EXPECT_EQ(endpoints.current().address.port, 5);
  endpoints.widen();
  EXPECT_EQ(endpoints.size(), 4u);  // 5, 6 and the configured 1, 2
  EXPECT_EQ(endpoints.current().address.port, 5);
}

TEST(EndpointsTest, EachGetsItsShareOfTheTime) {  // DCS-234
  EXPECT_EQ(attempt_limit(9s, 1), 3s);
  EXPECT_EQ(attempt_limit(10s, 2), 5s);
  EXPECT_EQ(attempt_limit(9s, 3), 3s);
  EXPECT_EQ(attempt_limit(10s, 5), 2s);
  EXPECT_EQ(attempt_limit(3s, 5), 1s);
  EXPECT_EQ(attempt_limit(300ms, 5), 100ms);
}

TEST(SrvNames, AreAskedInOrder) {  // DCS-228
  const auto names = srv_names("example.com", "blue");
  ASSERT_EQ(names.size(), 6u);
  EXPECT_EQ(names[0].name, "_etcd-client-ssl-blue._tcp.example.com");
  EXPECT_TRUE(names[0].https);
  EXPECT_EQ(srv_names("example.com", "")[3].name, "_etcd._tcp.example.com");
  EXPECT_FALSE(srv_names("example.com", "")[3].https);
  EXPECT_TRUE(names[4].https);
  EXPECT_TRUE(names[4].peers);
  EXPECT_FALSE(names[3].peers);
}

TEST(Lookup, ANameHasAllItsAddresses) {  // DCS-227
  EXPECT_EQ(lookup_addresses({"127.0.0.1", 2379}), (std::vector<http::HostPort>{{"127.0.0.1", 2379}}));
  const auto local = lookup_addresses({"localhost", 5});
  ASSERT_FALSE(local.empty());
  EXPECT_TRUE(http::is_numeric_address(local.front().host));
  EXPECT_EQ(local.front().port, 5);
  EXPECT_TRUE(lookup_addresses({"no such name", 1}).empty());
}

// --- keys

KeyValue kv(const std::string& name, const std::string& value, std::int64_t revision, const std::string& lease = {}) {
  return {.key = "/s/demo/" + name, .value = value, .mod_revision = revision, .lease = lease};
}

class KeysTest : public testing::Test {
 protected:
  Keys keys_{"/s/demo/", "me"};
};

TEST_F(KeysTest, TheHigherRevisionCountsWhateverTheOrder) {  // DCS-271, DCS-276
  EXPECT_TRUE(keys_.replace({kv("leader", "a", 5)}, 10));
  EXPECT_TRUE(keys_.apply_put(kv("leader", "b", 12)));
  EXPECT_FALSE(keys_.apply_put(kv("leader", "c", 11)));
  EXPECT_FALSE(keys_.apply_put(kv("leader", "d", 12)));
  EXPECT_EQ(keys_.value_of("leader"), "b");
  EXPECT_TRUE(keys_.apply_delete("/s/demo/leader", 14));
  EXPECT_FALSE(keys_.apply_put(kv("leader", "late", 13))) << "an event of before the deletion";
  EXPECT_EQ(keys_.find("leader"), nullptr);
  EXPECT_TRUE(keys_.apply_put(kv("leader", "e", 15)));
}

TEST_F(KeysTest, AnOlderRangeDoesNotUndoWhatHappenedSince) {
  EXPECT_TRUE(keys_.apply_put(kv("leader", "me", 20)));
  keys_.apply_delete("/s/demo/failover", 21);
  EXPECT_TRUE(keys_.replace({kv("failover", "{}", 7), kv("config", "{}", 8)}, 19));
  EXPECT_EQ(keys_.value_of("leader"), "me");
  EXPECT_EQ(keys_.find("failover"), nullptr);
  EXPECT_EQ(keys_.value_of("config"), "{}");
  EXPECT_TRUE(keys_.replace({kv("config", "{}", 8)}, 30)) << "the leader key is gone";
  EXPECT_EQ(keys_.find("leader"), nullptr);
  EXPECT_FALSE(keys_.apply_put(kv("leader", "me", 20))) << "an event from before that range";
  EXPECT_FALSE(keys_.replace({kv("config", "{}", 8)}, 31));
}

TEST_F(KeysTest, ForeignKeysAreIgnored) {
  EXPECT_FALSE(keys_.apply_put({.key = "/s/demo2/leader", .value = "x", .mod_revision = 5, .lease = ""}));
  EXPECT_FALSE(keys_.apply_delete("/s/", 6));
  EXPECT_TRUE(keys_.raw().empty());
}

TEST_F(KeysTest, OnlyWhatMattersWakes) {
  EXPECT_TRUE(keys_.apply_put(kv("leader", "a", 1, "10")));
  EXPECT_FALSE(keys_.apply_put(kv("leader", "a", 2, "11"))) << "another lease only";
  EXPECT_EQ(keys_.find("leader")->lease, "11");
  EXPECT_TRUE(keys_.apply_put(kv("status", R"({"optime":1})", 3)));
  EXPECT_TRUE(keys_.apply_put(kv("status", R"({"optime":2})", 4))) << "standbys follow the leader's rhythm (DCS-187)";
  EXPECT_TRUE(keys_.apply_put(kv("members/b", R"({"state":"running","xlog_location":1})", 5)));
  EXPECT_FALSE(keys_.apply_put(kv("members/b", R"({"state":"running","xlog_location":2,"receive_lsn":3})", 6)));
  EXPECT_TRUE(keys_.apply_put(kv("members/b", R"({"state":"stopped","xlog_location":2})", 7)));
  EXPECT_TRUE(keys_.apply_put(kv("members/b", "garbage", 8)));
  EXPECT_TRUE(keys_.apply_put(kv("members/me", R"({"state":"running"})", 9)));
  EXPECT_FALSE(keys_.apply_put(kv("members/me", R"({"state":"stopped"})", 10))) << "nobody else writes it";
  EXPECT_TRUE(keys_.apply_delete("/s/demo/members/me", 11));
  EXPECT_TRUE(keys_.apply_put(kv("leader", "me", 12)));
  EXPECT_FALSE(keys_.apply_put(kv("status", R"({"optime":3})", 13))) << "the leader wrote that itself";
  EXPECT_TRUE(keys_.apply_put(kv("history", "[]", 14)));
  EXPECT_FALSE(keys_.apply_put(kv("history", "[[]]", 15)));
}

}  // namespace
}  // namespace matriarch::etcd3
