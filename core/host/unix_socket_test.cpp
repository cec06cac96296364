// SPDX-License-Identifier: Apache-2.0
#include "core/host/unix_socket.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

TEST(UnixSocket, TellsWhetherSomebodyListens) {
    const tests::Tree tree;
    const std::string path = tree.path("s.sock").string();
    EXPECT_FALSE(somebody_listens(path));
    {
        const auto fd = listen_on(path, 0600, 0);
        ASSERT_TRUE(fd) << fd.error().message;
        for (int i = 0; i < 8; ++i)
            EXPECT_TRUE(somebody_listens(path)) << "a full queue is a queue";
        EXPECT_EQ(listen_on(path, 0600, 0).error().code, Code::busy);
    }
    EXPECT_FALSE(somebody_listens(path)) << "the listener is gone, the file is not";
    EXPECT_TRUE(listen_on(path, 0600, 0)) << "a stale socket is replaced";
}

TEST(UnixSocket, LeavesOthersFilesAlone) {
    const tests::Tree tree{{"file", "x"}};
    EXPECT_EQ(listen_on(tree.path("file").string(), 0600, 0).error().code, Code::integrity);
    EXPECT_EQ(tree.read("file"), "x");
    tree.link("link", "file");
    EXPECT_EQ(listen_on(tree.path("link").string(), 0600, 0).error().code, Code::integrity);
    EXPECT_FALSE(somebody_listens(tree.path("file").string()));
}

TEST(UnixSocket, RefusesNamesThatDoNotFit) {
    EXPECT_EQ(listen_on(std::string(200, 'x'), 0600, 0).error().code, Code::invalid_input);
    EXPECT_EQ(listen_on("", 0600, 0).error().code, Code::invalid_input);
    EXPECT_FALSE(somebody_listens(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace plimsoll::host
