// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/report.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::agentctl::render {
namespace {

using policy::Finding;
using policy::Status;

// safe() has left no character that XML 1.0 forbids, except U+FFFE and U+FFFF.
std::string xml(std::string_view s) {
    std::string out;
    std::string text = safe(s);
    for (const std::string_view forbidden : {"\xef\xbf\xbe", "\xef\xbf\xbf"})
        for (auto at = text.find(forbidden); at != std::string::npos; at = text.find(forbidden))
            text.replace(at, forbidden.size(), "\xef\xbf\xbd");
    for (const char c : text)
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    return out;
}

std::string details(const Finding& f) {
    std::string out;
    for (const auto& e : f.evidence)
        out += xml(e.source) + ": found " + xml(e.found) +
               (e.expected.empty() ? "" : ", expected " + xml(e.expected)) + "\n";
    if (f.fix)
        out += "fix (" + std::string(policy::name_of(f.fix->cls)) + "): " + xml(f.fix->summary) + "\n";
    return out;
}

std::string outcome(const Finding& f) {
    const std::string message = " message=\"" + xml(f.message) + "\"";
    switch (f.status) {
        case Status::pass:
            return "";
        case Status::fail:
            return "      <failure type=\"" + std::string(policy::name_of(f.severity)) + "\"" + message +
                   ">" + details(f) + "</failure>\n";
        case Status::unknown:
            return "      <error type=\"unknown\"" + message + ">" + details(f) + "</error>\n";
        case Status::not_applicable:
            return "      <skipped" + message + "/>\n";
        case Status::excepted:
            return "      <skipped message=\"" + xml("excepted: " + f.exception + ": " + f.message) +
                   "\"/>\n";
    }
    return "";
}

std::string test_case(const Finding& f) {
    const std::string open = "    <testcase classname=\"" + xml(f.control) + "\" name=\"" +
                             xml(f.subject.empty() ? "host" : f.subject) + "\" time=\"0\"";
    const std::string inner = outcome(f);
    return inner.empty() ? open + "/>\n" : open + ">\n" + inner + "    </testcase>\n";
}

std::string concern(const Finding& f) {
    return f.control.substr(0, f.control.find('.'));
}

struct Suite {
    std::string name;
    std::vector<const Finding*> findings;
};

using Findings = std::vector<const Finding*>;

template <class... Statuses>
std::string count(const Findings& findings, Statuses... statuses) {
    return std::to_string(
        std::ranges::count_if(findings, [&](const Finding* f) { return ((f->status == statuses) || ...); }));
}

// The attributes that <testsuites> and <testsuite> share; only the latter has `skipped`.
std::string totals(const Findings& findings, bool with_skipped) {
    return "tests=\"" + std::to_string(findings.size()) + "\" failures=\"" + count(findings, Status::fail) +
           "\" errors=\"" + count(findings, Status::unknown) +
           (with_skipped ? "\" skipped=\"" + count(findings, Status::not_applicable, Status::excepted) : "") +
           "\" time=\"0\"";
}

}  // namespace

std::string junit(const Report& report) {
    std::vector<Suite> suites;
    std::vector<const Finding*> every;
    for (const Finding& f : report.assessment.findings) {
        auto it = std::ranges::find(suites, concern(f), &Suite::name);
        if (it == suites.end())
            it = suites.insert(it, {concern(f), {}});
        it->findings.push_back(&f);
        every.push_back(&f);
    }
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"plimsoll\" ";
    out += totals(every, false) + ">\n";
    for (const Suite& s : suites) {
        out += "  <testsuite name=\"" + xml(s.name) + "\" " + totals(s.findings, true) + ">\n";
        for (const Finding* f : s.findings)
            out += test_case(*f);
        out += "  </testsuite>\n";
    }
    return out + "</testsuites>\n";
}

}  // namespace plimsoll::agentctl::render
