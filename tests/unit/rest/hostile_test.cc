// Requests as nobody would write them: every one gets an answer of the contract, and nothing is commanded by mistake.
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

// Small, seeded and the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::size_t roll(std::size_t sides) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state_ >> 33) % sides;
  }
  template <class T>
  const T& pick(const std::vector<T>& from) { return from[roll(from.size())]; }

 private:
  std::uint64_t state_;
};

const std::vector<std::string> kKeys{"leader", "candidate", "member", "scheduled_at", "schedule", "role", "postgres_version",
                                     "timeout", "restart_pending", "force", "from_leader", "name", "conn_url", "api_url",
                                     "slots", "type", "group", "cooldown", "pause", "\xF0\x9F\x90\x98", "", "ttl"};
const std::vector<std::string> kTexts{"", "pg1", "pg2", "2030-01-01T00:00Z", "2030-01-01", "2020-01-01T00:00+14:00", "primary",
                                      "15.2", "9.6.24", "99999999999999999999", "-1", "1h", "true", "NaN", "\xC3\xA9\\\"\n",
                                      "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "0x7fffffffffffffff"};

Value random_value(Dice& dice, int depth) {
  switch (dice.roll(depth > 0 ? 9 : 7)) {
    case 0: return nullptr;
    case 1: return dice.roll(2) == 0;
    case 2: return static_cast<std::int64_t>(dice.roll(5)) - 2;
    case 3: return std::numeric_limits<std::int64_t>::min();
    case 4: return 1e308;
    case 5:
    case 6: return dice.pick(kTexts);
    case 7: return Value::List{random_value(dice, depth - 1), random_value(dice, depth - 1)};
    default: break;
  }
  Value::Map map;
  for (std::size_t n = dice.roll(4); n > 0; --n) map.set(dice.pick(kKeys), random_value(dice, depth - 1));
  return map;
}

std::string random_body(Dice& dice) {
  std::string body = to_json(random_value(dice, 3));
  if (dice.roll(4) == 0) body.resize(dice.roll(body.size() + 1));
  if (dice.roll(4) == 0 && !body.empty()) body[dice.roll(body.size())] = static_cast<char>(dice.roll(256));
  return body;
}

using HostileTest = ApiTest;

TEST_F(HostileTest, Bodies) {
  const std::set<int> answers{200, 202, 400, 411, 422, 500, 501, 502};
  const std::vector<std::pair<std::string, std::string>> endpoints{
      {"POST", "/switchover"}, {"POST", "/failover"}, {"POST", "/restart"}, {"POST", "/reinitialize"}, {"POST", "/failsafe"},
      {"POST", "/mpp"}, {"PATCH", "/config"}, {"PUT", "/config"}};
  std::set<int> seen;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Dice dice(seed);
    AgentSnapshot s = primary_snapshot(scheduler_.now());
    s.settings.failsafe_mode = true;
    s.settings.paused = dice.roll(2) == 0;
    agent_.publish(std::move(s));
    const auto& [method, path] = dice.pick(endpoints);
    agent_.calls.clear();
    const std::string body = random_body(dice);
    const auto response = send(request(method, path, body));
    seen.insert(response.status);
    ASSERT_TRUE(answers.contains(response.status)) << seed << method << path << body << response.status;
    if (response.status >= 400) ASSERT_TRUE(agent_.calls.empty()) << seed << " " << path << " " << body;
  }
  for (const int status : {200, 400, 411, 422, 500}) EXPECT_TRUE(seen.contains(status)) << status << " never came";
}

TEST_F(HostileTest, Targets) {
  const std::vector<std::string> pieces{"/", "//", "primary", "leader", "..", "%2e", "?", "&", "=", "lag", "=-1", "=1MB", "tag_",
                                        "tag_x=y", "replication_state=", "patroni", "cluster", "sync", ";", "\\", "config"};
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Dice dice(seed);
    std::string target = "/";
    for (std::size_t n = dice.roll(8); n > 0; --n) target += dice.pick(pieces);
    for (const auto* method : {"GET", "HEAD", "OPTIONS"}) {
      const int status = send(request(method, target)).status;
      ASSERT_TRUE(status == 200 || status == 503) << method << " " << target << " " << status;
    }
  }
}

TEST_F(HostileTest, ThousandsOfParameters) {
  std::string target = "/replica?";
  for (int i = 0; i < 5000; ++i) target += fmt::format("tag_{}=x&lag={}&", i, i);
  EXPECT_EQ(code(target), 503);
}

}  // namespace
}  // namespace matriarch::rest::testing
