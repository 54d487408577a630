// How a node comes to have an etcd (DESIGN 5): what it does for each thing it may find.
#include "store/managed_etcd/decide.h"

#include <gtest/gtest.h>

namespace matriarch::managed_etcd {
namespace {

std::string url_of(const std::string& name) { return "http://" + name + ":2380"; }
std::string address_of(const std::string& name) { return name + ":8008"; }
Candidate candidate(const std::string& name) { return {.name = name, .peer_url = url_of(name)}; }

const std::vector<std::string> kPartners = {"a:8008", "b:8008", "c:8008"};

Report fresh(const std::string& name, std::vector<std::string> partners = kPartners) {
  return {.scope = "demo",
          .name = name,
          .instance = "i-" + name,
          .partners = std::move(partners),
          .peer_url = url_of(name)};
}
Report member(const std::string& name, const Vote& vote = {}) {
  Report report = fresh(name);
  report.state = DataState::kMember;
  report.vote = vote;
  report.cluster_id = "77";
  return report;
}
Answer says(Report report) {
  const std::string name = report.name;
  return {.address = address_of(name), .report = std::move(report)};
}
Answer silent(const std::string& name) { return {.address = address_of(name), .problem = "connection refused"}; }
Vote vote_of(std::vector<std::string> names, const std::vector<std::string>& partners = kPartners) {
  std::vector<Candidate> members;
  for (const auto& name : names) members.push_back(candidate(name));
  return make_vote("demo", partners, members);
}
ListedMember listed(const std::string& name, const std::string& id) {
  return {.id = id, .name = name, .peer_urls = {url_of(name)}, .client_urls = {"http://" + name + ":2379"}};
}
// Added and never started.
ListedMember invited(const std::string& name, const std::string& id) {
  return {.id = id, .peer_urls = {url_of(name)}, .learner = true};
}

Situation of(Report own, std::vector<Answer> answers = {}) {
  return {.own = std::move(own), .answers = std::move(answers)};
}

bool says_text(const Verdict& verdict, std::string_view text) { return verdict.reason.find(text) != std::string::npos; }

TEST(Decide, WithDataItStartsWhateverTheOthersSay) {  // a power cut of all nodes heals by itself
  EXPECT_EQ(decide(of(member("a"))).act, Act::kStart);
  EXPECT_EQ(decide(of(member("a"), {silent("b"), silent("c")})).act, Act::kStart);
  EXPECT_EQ(decide(of(member("a"), {says(fresh("b")), says(fresh("c"))})).act, Act::kStart);
}

TEST(Decide, FirstBootstrapOfAllThree) {
  Situation a = of(fresh("a"), {says(fresh("b")), says(fresh("c"))});
  const Verdict first = decide(a);
  EXPECT_EQ(first.act, Act::kVote);  // the first by name proposes
  EXPECT_EQ(first.vote, vote_of({"a", "b", "c"}));
  EXPECT_EQ(decide(of(fresh("b"), {says(fresh("a")), says(fresh("c"))})).act, Act::kWait);
  Report voted = fresh("a");
  voted.vote = first.vote;
  const Verdict second = decide(of(fresh("b"), {says(voted), says(fresh("c"))}));
  EXPECT_EQ(second.act, Act::kVote);
  EXPECT_EQ(second.vote, first.vote);
  EXPECT_EQ(decide(of(voted, {says(fresh("b")), says(fresh("c"))})).act, Act::kWait);  // one of three
  Report b = fresh("b");
  b.vote = first.vote;
  EXPECT_EQ(decide(of(voted, {says(b), says(fresh("c"))})).act, Act::kBootstrap);  // two of three
  EXPECT_EQ(decide(of(voted, {says(b), silent("c")})).act, Act::kBootstrap);
}

TEST(Decide, AMajorityOnlyAfterThePatience) {
  Situation two = of(fresh("a"), {says(fresh("b")), silent("c")});
  const Verdict early = decide(two);
  EXPECT_EQ(early.act, Act::kWait);
  EXPECT_TRUE(says_text(early, "2 of 3 partners are ready")) << early.reason;
  EXPECT_TRUE(says_text(early, "c:8008: connection refused")) << early.reason;
  two.patience_over = true;
  EXPECT_EQ(decide(two).act, Act::kVote);
  EXPECT_EQ(decide(two).vote, vote_of({"a", "b"}));
  Situation one = of(fresh("a"), {silent("b"), silent("c")});
  one.patience_over = true;
  EXPECT_EQ(decide(one).act, Act::kWait);
}

TEST(Decide, AVoteIsNeverChanged) {
  Report own = fresh("a");
  own.vote = vote_of({"a", "b"});
  Situation s = of(own, {says(fresh("b")), says(fresh("c"))});
  s.patience_over = true;
  EXPECT_EQ(decide(s).act, Act::kWait);
  Report b = fresh("b");
  b.vote = vote_of({"b", "c"});
  Report c = fresh("c");
  c.vote = vote_of({"a", "c"});
  s.answers = {says(b), says(c)};
  const Verdict split = decide(s);
  EXPECT_EQ(split.act, Act::kRefuse);
  EXPECT_TRUE(says_text(split, "identity.json")) << split.reason;
}

TEST(Decide, WhoVotedAndNeverRanFollowsThoseWhoBegan) {
  Report own = fresh("c");
  own.vote = vote_of({"a", "b", "c"});
  const Situation s = of(own, {says(member("a", own.vote)), silent("b")});
  EXPECT_EQ(decide(s).act, Act::kBootstrap);
  Situation ran = s;
  ran.has_run = true;  // and lost what it had
  ran.own.lost = true;
  ran.members = {{listed("a", "1"), listed("b", "2"), listed("c", "3")}};
  EXPECT_EQ(decide(ran).act, Act::kRefuse);
}

TEST(Decide, AWipedMemberNeverBeginsAnew) {
  // Nothing at all is left of it; the others have data, or are silent.
  for (const bool patience_over : {false, true}) {
    Situation s = of(fresh("b"), {says(member("a", vote_of({"a", "b", "c"}))), says(member("c"))});
    s.patience_over = patience_over;
    EXPECT_EQ(decide(s).act, Act::kWait);  // the members are not known yet
    s.members = {{listed("a", "1"), listed("b", "2"), listed("c", "3")}};
    const Verdict refused = decide(s);
    EXPECT_EQ(refused.act, Act::kRefuse);
    EXPECT_TRUE(says_text(refused, "matriarchctl store remove b")) << refused.reason;
    s.members = {{listed("a", "1"), listed("c", "3")}};
    EXPECT_EQ(decide(s).act, Act::kAddLearner);
    s.members = {{listed("a", "1"), listed("c", "3"), invited("b", "4")}};
    const Verdict joining = decide(s);
    EXPECT_EQ(joining.act, Act::kStartJoining);
    EXPECT_EQ(joining.initial, (std::vector<Candidate>{candidate("a"), candidate("c"), candidate("b")}));
    Situation cut_off = of(fresh("b"), {silent("a"), silent("c")});
    cut_off.patience_over = patience_over;
    EXPECT_EQ(decide(cut_off).act, Act::kWait);
  }
}

TEST(Decide, OnlyItsDataIsGone) {
  Report own = fresh("b");
  own.lost = true;
  own.vote = vote_of({"a", "b", "c"});
  Situation s = of(own, {silent("a"), silent("c")});
  s.has_run = true;
  s.patience_over = true;
  EXPECT_EQ(decide(s).act, Act::kRefuse);
  s.answers = {says(fresh("a")), says(fresh("c"))};
  EXPECT_EQ(decide(s).act, Act::kRefuse);  // not even when all say they have nothing
  EXPECT_TRUE(says_text(decide(s), "identity.json"));
  s.answers = {says(member("a")), says(member("c"))};
  s.members = {{listed("a", "1"), listed("c", "3")}};
  EXPECT_EQ(decide(s).act, Act::kAddLearner);
}

TEST(Decide, OneJoinsAtATime) {
  Situation s = of(fresh("d"), {says(member("a")), silent("b"), silent("c")});
  s.members = {{listed("a", "1"), invited("b", "2")}};
  EXPECT_EQ(decide(s).act, Act::kWait);
  ListedMember learner = listed("b", "2");
  learner.learner = true;
  s.members = {{listed("a", "1"), learner}};
  EXPECT_EQ(decide(s).act, Act::kWait);
  s.members = {{listed("a", "1"), listed("b", "2")}};
  EXPECT_EQ(decide(s).act, Act::kAddLearner);
}

TEST(Decide, AMemberOfTheFirstListThatNeverRanStarts) {
  Situation s = of(fresh("c"), {says(member("a", vote_of({"a", "b", "c"}))), silent("b")});
  ListedMember never = listed("c", "3");
  never.client_urls.clear();
  s.members = {{listed("a", "1"), listed("b", "2"), never}};
  EXPECT_EQ(decide(s).act, Act::kStartJoining);
}

TEST(Decide, Alone) {
  Report own = fresh("a", {});
  own.alone = true;
  const Verdict vote = decide(of(own));
  EXPECT_EQ(vote.act, Act::kVote);
  own.vote = vote.vote;
  EXPECT_EQ(decide(of(own)).act, Act::kBootstrap);
  EXPECT_EQ(decide(of(own)).vote.members, (std::vector<Candidate>{candidate("a")}));
  own.lost = true;
  EXPECT_EQ(decide(of(own)).act, Act::kRefuse);
  Report alone = member("a");
  alone.alone = true;
  Situation joiner = of(fresh("b"), {says(alone), says(fresh("c"))});
  joiner.patience_over = true;
  const Verdict refused = decide(joiner);
  EXPECT_EQ(refused.act, Act::kRefuse);
  EXPECT_TRUE(says_text(refused, "etcd3.partners")) << refused.reason;
}

TEST(Decide, Removed) {
  Situation s = of(member("b"), {says(member("a"))});
  s.was_removed = true;
  s.members = {{listed("a", "1"), listed("c", "3")}};
  const Verdict removed = decide(s);
  EXPECT_EQ(removed.act, Act::kRefuse);
  EXPECT_TRUE(says_text(removed, "matriarchctl store add http://b:2380")) << removed.reason;
  s.members = {{listed("a", "1"), listed("c", "3"), invited("b", "4")}};
  EXPECT_EQ(decide(s).act, Act::kSetAside);
}

TEST(Decide, WhatIsConfiguredWrongIsSaid) {
  const Verdict twins = decide(of(fresh("a"), {says([] {
                                    Report twin = fresh("a");
                                    twin.instance = "other";
                                    twin.peer_url = "http://x:1";
                                    return twin;
                                  }())}));
  EXPECT_EQ(twins.act, Act::kRefuse);
  EXPECT_TRUE(says_text(twins, "a name of its own")) << twins.reason;
  Report same_url = fresh("b");
  same_url.peer_url = url_of("a");
  EXPECT_TRUE(says_text(decide(of(fresh("a"), {says(same_url)})), "etcd3.peer_address"));
  const Verdict lists = decide(of(fresh("a"), {says(fresh("b", {"a:8008", "b:8008"})), says(fresh("c"))}));
  EXPECT_EQ(lists.act, Act::kRefuse);
  EXPECT_TRUE(says_text(lists, "etcd3.partners differ")) << lists.reason;
  Report stranger = fresh("b");
  stranger.scope = "other";
  EXPECT_TRUE(says_text(decide(of(fresh("a"), {says(stranger), says(fresh("c"))})), "belongs to the cluster other"));
  Report one = member("a");
  Report two = member("c");
  two.cluster_id = "78";
  EXPECT_TRUE(says_text(decide(of(fresh("b"), {says(one), says(two)})), "know nothing of each other"));
}

TEST(Decide, AnotherNameOfThisNodeIsNoSecondNode) {
  Situation s = of(fresh("a", {"a:8008", "b:8008"}),
                   {says(fresh("a", {"a:8008", "b:8008"})), says(fresh("b", {"a:8008", "b:8008"}))});
  EXPECT_EQ(decide(s).act, Act::kVote);
  EXPECT_EQ(decide(s).vote.members.size(), 2u);
}

TEST(Decide, OtherMajoritiesBecomeMembersLater) {  // five partners, three began
  const std::vector<std::string> five = {"a:8008", "b:8008", "c:8008", "d:8008", "e:8008"};
  Report a = fresh("a", five);
  Report b = fresh("b", five);
  Report c = fresh("c", five);
  a.vote = b.vote = c.vote = vote_of({"a", "b", "c"}, five);
  Situation d = of(fresh("d", five), {says(a), says(b), says(c), silent("e")});
  d.patience_over = true;
  EXPECT_EQ(decide(d).act, Act::kWait);
  EXPECT_EQ(decide(of(a, {says(b), says(c), says(fresh("d", five)), silent("e")})).act, Act::kBootstrap);
}

}  // namespace
}  // namespace matriarch::managed_etcd
