// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.hpp"
#include "core/base/toml.hpp"
#include "core/policy/testing/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;
using fake::catalogue;
using testing::HasSubstr;

Policy compiled(const std::vector<PolicyFile>& files) {
    auto p = compile_policy(files, catalogue());
    EXPECT_TRUE(p) << testing::PrintToString(p ? Problems{} : p.error());
    return p ? *p : Policy{};
}

constexpr const char* everything = R"(
profile = "rootless-strict"
[control."demo.live"]
mode = "audit"
severity = "critical"
min = 7
[control."demo.person"]
allowed = ["a", "größer \"quoted\" \\ \u2028"]
required = false
[[exception]]
control = "demo.*"
subject = "alice*"
owner = "ops@example.org"
reason = "until the move"
expires = 2027-01-31T00:00:00+01:00
[[exception]]
control = "demo.live"
subject = "*"
owner = "x"
reason = "y"
expires = 2027-01-31
[provision]
delegate = ["memory", "cpu"]
[provision.sysctl]
"user.max_user_namespaces" = 28633
[[provision.tenant]]
user = "web"
kind = "system"
uid = 990
home = "/srv/web"
subuid = "200000:65536"
subgid = "allocate"
count = 70000
linger = true
[[provision.tenant]]
user = "app"
[provision.containers_conf.engine]
"a b" = 1.5
nested.deeper = { x = [1, "two", { y = false }] }
[provision.registries_conf]
[[provision.registries_conf.registry]]
prefix = "example.org"
location = "mirror.example.org"
)";

TEST(Document, CompilesToTheSamePolicy) {
    for (const char* text : {"", "profile = \"rootless-baseline\"\n", everything}) {
        const Policy p = compiled({{"f", text}});
        for (const std::string& again : {to_policy_toml(p, catalogue()), show_policy(p, catalogue())}) {
            const Policy q = compiled({{"g", again}});
            EXPECT_EQ(p.digest, q.digest) << again;
            EXPECT_EQ(p.profile, q.profile);
            EXPECT_EQ(p.params, q.params);
            EXPECT_EQ(to_policy_toml(p, catalogue()), to_policy_toml(q, catalogue()));
        }
    }
}

TEST(Document, DigestIsOfTheMeaning) {
    const auto digest = [](const std::vector<PolicyFile>& files) { return compiled(files).digest; };
    const std::string a = "[control.\"demo.live\"]\nmin = 7\nmode = \"audit\"\n";
    const std::string b = "[[provision.tenant]]\nuser = \"b\"\n[provision.storage_conf]\nx = 1\ny.z = 2\n";
    const std::string c =
        "[[provision.tenant]]\nuser = \"a\"\n[provision.storage_conf]\ny.a = { p = 1, q = 2 }\n";
    const std::string joined =
        "# a comment\n[provision]\ntenant = [{user = \"a\"}, {user = \"b\"}]\n"
        "storage_conf.y = { a = {q = 2, p = 1}, z = 2 }\nstorage_conf.x = 1\n" +
        a;
    const std::string same = digest({{"a", a}, {"b", b}, {"c", c}});
    EXPECT_EQ(same.size(), 64U);
    EXPECT_EQ(same, digest({{"c", c}, {"b", b}, {"a", a}}));
    EXPECT_EQ(same, digest({{"one", joined}}));
    EXPECT_EQ(same, digest({{"0", "[control.\"demo.live\"]\nmin = 8\n"}, {"one", joined}}));
    EXPECT_EQ(digest({}), digest({{"a", "profile = \"audit-only\"\n[control.\"demo.live\"]\nmin = 10\n"}}));

    const std::string base = digest({{"f", everything}});
    const std::pair<const char*, const char*> edits[] = {
        {"rootless-strict", "rootless-baseline"},
        {"mode = \"audit\"", "mode = \"off\""},
        {"min = 7", "min = 8"},
        {"critical", "high"},
        {"required = false", "required = true"},
        {"[\"a\", ", "["},
        {"alice*", "alice?"},
        {"ops@", "op@"},
        {"+01:00", "+02:00"},
        {"until the", "before the"},
        {"\"cpu\"]", "\"io\"]"},
        {"28633", "28634"},
        {"uid = 990", "uid = 991"},
        {"200000:65536", "200000:65537"},
        {"70000", "70001"},
        {"linger = true", "linger = false"},
        {"1.5", "1.25"},
        {"y = false", "y = true"},
        {"mirror.", "other."},
        {"\"/srv/web\"", "\"/srv/www\""},
    };
    for (const auto& [from, to] : edits) {
        std::string text = everything;
        const auto at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        text.replace(at, std::string_view(from).size(), to);
        EXPECT_NE(base, digest({{"f", text}})) << from;
    }
}

TEST(Show, GivesTheOriginOfEveryValue) {
    const std::string shown = show_policy(compiled({{"/etc/p/1.toml", everything}}), catalogue());
    EXPECT_THAT(shown, HasSubstr("profile = \"rootless-strict\"             # /etc/p/1.toml:2\n"));
    EXPECT_THAT(shown, HasSubstr("[control.\"demo.live\"]\nmode = \"audit\" "));
    EXPECT_THAT(shown, HasSubstr("# /etc/p/1.toml:4\nseverity = \"critical\" "));
    EXPECT_THAT(shown, HasSubstr("deep = false                            # default\n"));
    EXPECT_THAT(shown,
                HasSubstr("[control.\"demo.restart\"]\nmode = \"enforce\"                        # profile "
                          "rootless-strict\n# severity = \"medium\"                   # default\n"));
    EXPECT_THAT(shown,
                HasSubstr("[[exception]]\ncontrol = \"demo.*\"                      # /etc/p/1.toml:10\n"));
    EXPECT_THAT(shown, HasSubstr("[provision.containers_conf.engine.nested.deeper]\nx = "));
    EXPECT_THAT(shown, HasSubstr("\"user.max_user_namespaces\" = \"28633\"    # /etc/p/1.toml:25\n"));
    const auto lines = std::count(shown.begin(), shown.end(), '\n');
    EXPECT_GT(lines, 50);
    std::size_t at = 0;
    for (std::size_t end = 0; (end = shown.find('\n', at)) != std::string::npos; at = end + 1) {
        const std::string line = shown.substr(at, end - at);
        EXPECT_TRUE(line.empty() || line[0] == '[' || line.find(" # ") != std::string::npos) << line;
    }
}

// ---- schema ----

void expect_described(const Value& schema, const std::string& path) {
    if (const Value* properties = schema.at("properties"))
        for (const Member& m : *properties->table()) {
            const std::string inner = path + "/" + m.key;
            const Value* type = m.value.at("type");
            const bool object = type != nullptr && *type == Value("object");
            EXPECT_TRUE(!object || m.value.at("additionalProperties") != nullptr || m.key.ends_with("_conf"))
                << inner;
            expect_described(m.value, inner);
        }
    if (const Value* items = schema.at("items"))
        expect_described(*items, path + "[]");
}

TEST(Schema, KnowsEveryControlAndParameter) {
    const Value schema = policy_schema(catalogue());
    EXPECT_EQ(*schema.at("$schema"), Value("https://json-schema.org/draft/2020-12/schema"));
    EXPECT_EQ(*schema.at("additionalProperties"), Value(false));
    const Value* controls = schema.at("properties", "control", "properties");
    ASSERT_NE(controls, nullptr);
    EXPECT_EQ(controls->table()->size(), catalogue().controls.size());
    for (const ParamSpec& p : catalogue().params) {
        const Value* v = controls->at(p.control, "properties", p.key);
        ASSERT_NE(v, nullptr) << p.key;
        EXPECT_EQ(*v->at("default"), p.fallback);
        EXPECT_THAT(*v->at("description")->string(), testing::StartsWith(std::string(p.doc)));
    }
    const Value* min = controls->at("demo.live", "properties", "min");
    EXPECT_EQ(*min->at("type"), Value("integer"));
    EXPECT_EQ(*min->at("minimum"), Value(1));
    EXPECT_EQ(*min->at("maximum"), Value(100));
    EXPECT_EQ(controls->at("demo.restart", "properties", "driver", "enum")->array()->size(), 2U);
    expect_described(schema, "");
}
}  // namespace
