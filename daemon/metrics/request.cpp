// SPDX-License-Identifier: Apache-2.0
#include "daemon/metrics/request.hpp"

#include "core/base/text.hpp"

namespace plimsoll::daemon::metrics {
namespace {

constexpr std::string_view content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";

bool is_whole(std::string_view request) {
    return request.find("\r\n\r\n") != std::string_view::npos ||
           request.find("\n\n") != std::string_view::npos;
}

std::string with_body(std::string_view status, std::string_view type, std::string_view body,
                      std::string_view more = {}) {
    return "HTTP/1.0 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more) +
           "Connection: close\r\n\r\n" + std::string(body);
}

std::string refusal(std::string_view status, std::string_view why, std::string_view more = {}) {
    return with_body(status, "text/plain; charset=utf-8", std::string(why) + "\n", more);
}

}  // namespace

Answer answer_to(std::string_view request) {
    if (!is_whole(request))
        return request.size() >= most_request ? Answer::too_long : Answer::incomplete;
    auto line = request.substr(0, request.find('\n'));
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    const auto parts = split(line, ' ');
    if (parts.size() != 3 || (parts[2] != "HTTP/1.0" && parts[2] != "HTTP/1.1"))
        return Answer::bad_request;
    if (parts[0] != "GET" && parts[0] != "HEAD")
        return Answer::wrong_method;
    if (parts[1].substr(0, parts[1].find('?')) != "/metrics")
        return Answer::not_found;
    return parts[0] == "GET" ? Answer::metrics : Answer::head;
}

std::string response(Answer answer, std::string_view text) {
    switch (answer) {
        case Answer::incomplete:
            break;
        case Answer::metrics:
            return with_body("200 OK", content_type, text);
        case Answer::head: {
            std::string whole = with_body("200 OK", content_type, text);
            whole.resize(whole.size() - text.size());
            return whole;
        }
        case Answer::bad_request:
            return refusal("400 Bad Request", "This speaks HTTP/1.0: GET /metrics.");
        case Answer::not_found:
            return refusal("404 Not Found", "There is only /metrics.");
        case Answer::wrong_method:
            return refusal("405 Method Not Allowed", "There is only GET /metrics.", "Allow: GET, HEAD\r\n");
        case Answer::too_long:
            return refusal("431 Request Header Fields Too Large", "The request is too long.");
    }
    return {};
}

}  // namespace plimsoll::daemon::metrics
