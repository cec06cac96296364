// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"
#include "daemon/metrics/render.hpp"
#include "daemon/metrics/request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace plimsoll::daemon::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Measures measures() {
    Measures out;
    out.status = {.line = Line::outside,
                  .line_since = Time(std::chrono::seconds(1'700'000'000)),
                  .profile = "rootless-strict",
                  .policy_digest = "d1",
                  .policy_problems = {"one", "two"},
                  .started = Time(std::chrono::seconds(1'600'000'000)),
                  .last_full_pass = Time(std::chrono::seconds(1'700'000'100)),
                  .version = "0.1.0"};
    out.counters.drifts = 7;
    out.counters.heals = 3;
    out.counters.healed_after = {1, 0, 2};
    out.counters.healed_after.back() = 4;
    out.counters.healed_after_sum_us = 1'002'500;
    out.counters.last_full_pass_us = 12'345;
    out.findings[0][2] = 11;
    out.findings[1][4] = 2;
    out.findings[3][0] = 1;
    out.containers = {{"docker", 1}, {"podman", 3}};
    return out;
}

TEST(Metrics, TellWhatIsKnown) {
    const std::string text = render(measures(), Dialect::openmetrics);
    for (const char* line :
         {"plimsoll_line{state=\"outside\"} 1\n", "plimsoll_line{state=\"inside\"} 0\n",
          "plimsoll_line{state=\"unobserved\"} 0\n", "plimsoll_line_since_timestamp_seconds 1700000000\n",
          "plimsoll_findings{status=\"pass\",severity=\"medium\"} 11\n",
          "plimsoll_findings{status=\"fail\",severity=\"critical\"} 2\n",
          "plimsoll_findings{status=\"unknown\",severity=\"info\"} 1\n",
          "plimsoll_findings{status=\"excepted\",severity=\"high\"} 0\n",
          "plimsoll_containers{engine=\"podman\"} 3\n", "plimsoll_drifts_total 7\n",
          "plimsoll_heals_total 3\n", "plimsoll_policy_problems 2\n",
          "plimsoll_policy_info{digest=\"d1\",profile=\"rootless-strict\"} 1\n",
          "plimsoll_build_info{version=\"0.1.0\"} 1\n",
          "plimsoll_last_full_pass_timestamp_seconds 1700000100\n",
          "plimsoll_last_full_pass_duration_seconds 0.012345\n"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_THAT(text, HasSubstr("plimsoll_healed_after_seconds_bucket{le=\"0.001\"} 1\n"
                                "plimsoll_healed_after_seconds_bucket{le=\"0.0025\"} 1\n"
                                "plimsoll_healed_after_seconds_bucket{le=\"0.005\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("plimsoll_healed_after_seconds_bucket{le=\"3600.0\"} 3\n"
                                "plimsoll_healed_after_seconds_bucket{le=\"+Inf\"} 7\n"
                                "plimsoll_healed_after_seconds_sum 1.0025\n"
                                "plimsoll_healed_after_seconds_count 7\n"));
    EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(Metrics, LeaveOutWhatIsNotKnown) {
    Measures m = measures();
    m.containers.reset();
    m.status.last_full_pass.reset();
    const std::string text = render(m, Dialect::openmetrics);
    EXPECT_THAT(text, Not(HasSubstr("plimsoll_containers")));
    EXPECT_THAT(text, Not(HasSubstr("last_full_pass")));
}

TEST(Metrics, SpeakBothDialects) {
    const std::string open = render(measures(), Dialect::openmetrics);
    const std::string file = render(measures(), Dialect::textfile);
    EXPECT_THAT(open, HasSubstr("# TYPE plimsoll_heals counter\n"));
    EXPECT_THAT(file, HasSubstr("# TYPE plimsoll_heals_total counter\n"));
    EXPECT_THAT(open, HasSubstr("# TYPE plimsoll_build info\n"));
    EXPECT_THAT(file, HasSubstr("# TYPE plimsoll_build_info gauge\n"));
    EXPECT_THAT(open, HasSubstr("# UNIT plimsoll_healed_after_seconds seconds\n"));
    EXPECT_THAT(file, Not(HasSubstr("# UNIT")));
    EXPECT_THAT(file, Not(HasSubstr("# EOF")));
    // The samples are the same.
    const auto samples = [](const std::string& text) {
        std::vector<std::string> out;
        for (const auto line : split_lines(text))
            if (!line.starts_with('#'))
                out.emplace_back(line);
        return out;
    };
    EXPECT_EQ(samples(open), samples(file));
}

// Names of others: nothing breaks a line or a label, and no two series are the same.
TEST(Metrics, SurviveHostileNames) {
    Measures m = measures();
    const std::string nasty = "a\"} 1\n# EOF\n\x1b[2J\\\xff\r{b=\"";
    m.status.profile = m.status.version = m.status.policy_digest = nasty;
    for (int i = 0; i < 150; ++i)
        m.status.contested.push_back({nasty, nasty + std::string(300, 'x') + std::to_string(i)});
    m.status.contested.push_back({"subuid.overlap", "bob"});
    const std::string text = render(m, Dialect::openmetrics);
    EXPECT_TRUE(valid_utf8(text));
    EXPECT_THAT(text, HasSubstr("plimsoll_contested_keys 151\n"));
    std::set<std::string_view> series;
    for (const auto line : split_lines(text)) {
        EXPECT_EQ(printable(line, 4096), line);
        if (!line.starts_with('#')) {
            EXPECT_THAT(std::string(line), StartsWith("plimsoll_"));
            EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
        }
    }
    EXPECT_THAT(text, HasSubstr(R"({control="subuid.overlap",subject="bob"} 0)"));
}

TEST(Metrics, NameAHundredContestedKeys) {
    Measures m = measures();
    for (std::size_t i = 0; i < 2 * most_contested_named; ++i)
        m.status.contested.push_back({"subuid.overlap", std::to_string(i)});
    const std::string text = render(m, Dialect::textfile);
    EXPECT_THAT(text, HasSubstr("subject=\"99\"} 0\n"));
    EXPECT_THAT(text, Not(HasSubstr("subject=\"100\"")));
    EXPECT_THAT(text, HasSubstr("plimsoll_contested_keys 200\n"));
}

TEST(Request, IsUnderstood) {
    const std::string end = "\r\nHost: localhost\r\n\r\n";
    EXPECT_EQ(answer_to("GET /metrics HTTP/1.0" + end), Answer::metrics);
    EXPECT_EQ(answer_to("GET /metrics HTTP/1.1" + end), Answer::metrics);
    EXPECT_EQ(answer_to("GET /metrics?collect=all HTTP/1.1" + end), Answer::metrics);
    EXPECT_EQ(answer_to("GET /metrics HTTP/1.0\n\n"), Answer::metrics);
    EXPECT_EQ(answer_to("HEAD /metrics HTTP/1.1" + end), Answer::head);
    EXPECT_EQ(answer_to(""), Answer::incomplete);
    EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\nHost: localhost\r\n"), Answer::incomplete);
    EXPECT_EQ(answer_to("POST /metrics HTTP/1.1" + end), Answer::wrong_method);
    EXPECT_EQ(answer_to("get /metrics HTTP/1.1" + end), Answer::wrong_method);
    EXPECT_EQ(answer_to("GET / HTTP/1.1" + end), Answer::not_found);
    EXPECT_EQ(answer_to("GET /metrics/.. HTTP/1.1" + end), Answer::not_found);
    EXPECT_EQ(answer_to("GET http://localhost/metrics HTTP/1.1" + end), Answer::not_found);
    EXPECT_EQ(answer_to("GET /metrics HTTP/2" + end), Answer::bad_request);
    EXPECT_EQ(answer_to("GET /metrics" + end), Answer::bad_request);
    EXPECT_EQ(answer_to("GET  /metrics HTTP/1.1" + end), Answer::bad_request);
    EXPECT_EQ(answer_to("\x16\x03\x01\n\n"), Answer::bad_request);
    EXPECT_EQ(answer_to("\r\n\r\n"), Answer::bad_request);
    EXPECT_EQ(answer_to(std::string(most_request - 1, 'x')), Answer::incomplete);
    EXPECT_EQ(answer_to(std::string(most_request, 'x')), Answer::too_long);
    EXPECT_EQ(answer_to(std::string(most_request, '\0')), Answer::too_long);
}

TEST(Request, IsAnswered) {
    EXPECT_EQ(response(Answer::metrics, "a 1\n"),
              "HTTP/1.0 200 OK\r\n"
              "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
              "Content-Length: 4\r\nConnection: close\r\n\r\na 1\n");
    const std::string head = response(Answer::head, "a 1\n");
    EXPECT_THAT(head, HasSubstr("Content-Length: 4\r\n"));
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    EXPECT_THAT(response(Answer::bad_request, ""), StartsWith("HTTP/1.0 400 "));
    EXPECT_THAT(response(Answer::not_found, ""), StartsWith("HTTP/1.0 404 "));
    EXPECT_THAT(response(Answer::wrong_method, ""), StartsWith("HTTP/1.0 405 "));
    EXPECT_THAT(response(Answer::wrong_method, ""), HasSubstr("\r\nAllow: GET, HEAD\r\n"));
    EXPECT_THAT(response(Answer::too_long, ""), StartsWith("HTTP/1.0 431 "));
    EXPECT_EQ(response(Answer::incomplete, ""), "");
}

}  // namespace
}  // namespace plimsoll::daemon::metrics
