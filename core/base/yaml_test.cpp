// SPDX-License-Identifier: Apache-2.0
// YAML as it is read here: the core schema, strictly, and within bounds.
#include "core/base/yaml.hpp"

#include "core/base/json.hpp"

#include <gtest/gtest.h>

namespace {
using namespace plimsoll;

TEST(Yaml, ReadsTheCoreSchema) {
    struct Case {
        const char* yaml;
        const char* json;
    };

    const Case cases[] = {
        {"", "null"},
        {"# nothing\n", "null"},
        {"a: true\nb: False\nc: ~\nd: -12\ne: 0x1f\nf: 1.5\ng: +3\nh: 0o17\n",
         R"({"a":true,"b":false,"c":null,"d":-12,"e":31,"f":1.5,"g":3,"h":15})"},
        {"a: yes\nb: on\nc: 010\nd: 1:30\ne: 1_000\nf: n\n",
         R"({"a":"yes","b":"on","c":"010","d":"1:30","e":"1_000","f":"n"})"},
        {"a: \"true\"\nb: 'null'\nc: !!str true\nd: !!bool true\ne: !!int \"7\"\nf: ! 1\n",
         R"({"a":"true","b":"null","c":"true","d":true,"e":7,"f":"1"})"},
        {"- 9223372036854775807\n- 9223372036854775808\n- '-'\n- 0x\n- +\n- .\n- 1e3\n- -.5\n- nan\n- inf\n",
         R"([9223372036854775807,"9223372036854775808","-","0x","+",".",1000.0,-0.5,"nan","inf"])"},
        {"a:\n  - x: 1\n    y: [2, {z: 3}]\n  -\nb: |\n  two\n  lines\nc: >-\n  one\n  line\n",
         R"({"a":[{"x":1,"y":[2,{"z":3}]},null],"b":"two\nlines\n","c":"one line"})"},
        {R"({"seccompDefault": true, "x": [1, "a\u0041"]})", R"({"seccompDefault":true,"x":[1,"aA"]})"},
        {"base: &b {k: 1}\nlist: [*b, *b]\nb: &b 2\nc: *b\n",
         R"({"base":{"k":1},"list":[{"k":1},{"k":1}],"b":2,"c":2})"},
        {"%YAML 1.1\n---\na: 1\n...\n", R"({"a":1})"},
        {"? a\n: 1\n", R"({"a":1})"},
    };
    for (const Case& c : cases) {
        const auto v = parse_yaml(c.yaml, "f");
        ASSERT_TRUE(v) << c.yaml << ": " << v.error().message;
        EXPECT_EQ(to_json(*v), c.json) << c.yaml;
    }
}

TEST(Yaml, KnowsWhereThingsStand) {
    const auto v = parse_yaml("kind: X\nspec:\n  a: true\n", "f");
    ASSERT_TRUE(v);
    EXPECT_EQ(v->at("spec", "a")->where, (Position{3, 6}));
    EXPECT_EQ((*v->table()).begin()->key_at, (Position{1, 1}));
}

TEST(Yaml, RefusesWhatReadersMayTakeDifferently) {
    struct Case {
        std::string yaml;
        const char* where;
        const char* why;
    };

    const Case cases[] = {
        {"a: 1\nb: 2\na: 3\n", "f:3:1", "duplicate key \"a\""},
        {"a: 1\n\"a\": 2\n", "f:2:1", "duplicate key"},
        {"a: 1\n---\na: 2\n", "f:2:1", "second document"},
        {"x: &x {a: 1}\n<<: *x\n", "f:2:1", "merge key"},
        {"? [a]\n: 1\n", "f:1:3", "not a scalar"},
        {"x: &x a\n*x : 1\n", "f:2:1", "an alias"},
        {"&k a: 1\n", "f:1:1", "anchor"},
        {"!!str a: 1\n", "f:1:1", "tag"},
        {"a: !!binary aGk=\n", "f:1:4", "not read here"},
        {"a: !Ref b\n", "f:1:4", "not read here"},
        {"a: !!bool yes\n", "f:1:4", "not read here"},
        {"a: !!set {b}\n", "f:1:4", "not read here"},
        {"a: &a [*a]\n", "f:1:8", "not complete"},
        {"a: *none\n", "f:1:4", "not complete"},
        {"a: b: c\n", "f:1:5", ""},
        {"a: [1, 2\n", "f:2:1", ""},
        {"\tx: 1\n", "f:1:1", ""},
        {std::string("a: 1\0b", 6), "f", "NUL"},
        {"a: \xff\n", "f", "UTF-8"},
        {"a: \x1b[2J\n", "f:", ""},
        {"\xff\xfe"
         "a\0",
         "f", "UTF-8"},
    };
    for (const Case& c : cases) {
        const auto v = parse_yaml(c.yaml, "f");
        ASSERT_FALSE(v) << c.yaml;
        EXPECT_EQ(v.error().code, Code::invalid_input) << c.yaml;
        EXPECT_TRUE(v.error().message.starts_with(c.where)) << c.yaml << ": " << v.error().message;
        EXPECT_NE(v.error().message.find(c.why), std::string::npos) << c.yaml << ": " << v.error().message;
    }
}

TEST(Yaml, IsBounded) {
    EXPECT_TRUE(parse_yaml(std::string(64, '[') + std::string(64, ']'), "f"));
    EXPECT_FALSE(parse_yaml(std::string(65, '[') + std::string(65, ']'), "f"));
    EXPECT_FALSE(parse_yaml(std::string(200000, '['), "f"));
    EXPECT_FALSE(parse_yaml(std::string(200000, '{'), "f"));
    // Nine lists of ten aliases each: a thousand million nodes.
    std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
    for (int i = 1; i < 10; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
        for (int n = 0; n < 9; ++n)
            bomb += ", " + before;
        bomb += "]\n";
    }
    EXPECT_FALSE(parse_yaml(bomb, "f"));
    // A long text many times over.
    std::string text = "a: &a " + std::string(1 << 20, 'x') + "\nb:\n";
    for (int i = 0; i < 20; ++i)
        text += "- *a\n";
    EXPECT_FALSE(parse_yaml(text, "f"));
    // Each level brings the one before along: deep without deep text.
    std::string deep = "- &a0 []\n";
    for (int i = 1; i < 70; ++i)
        deep += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
    EXPECT_FALSE(parse_yaml(deep, "f"));
    std::string many = "[";
    for (int i = 0; i < 70000; ++i)
        many += "1,";
    EXPECT_FALSE(parse_yaml(many + "1]", "f"));
}

}  // namespace
