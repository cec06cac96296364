// SPDX-License-Identifier: Apache-2.0
#include "core/host/packages.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using Versions = std::map<std::string, std::string>;

TEST(Packages, ReadsDpkgStatus) {
    const tests::Tree tree{{"var/lib/dpkg/status",
                            "Package: podman\nStatus: install ok installed\nVersion: 4.3.1+ds1-8+deb12u1\n"
                            "Description: engine\n Version: 9\n Package: nested\n\n"
                            "Package: docker.io\nStatus: deinstall ok config-files\nVersion: 20.10.24\n\n"
                            "Package: crun\nStatus: install ok unpacked\nVersion: 1.8.1\n\n"
                            "Package: passt\nStatus: install ok half-configured\nVersion: 0.0\n\n"
                            "Package: runc\nStatus: unknown ok not-installed\n\n"
                            "Package: last\nVersion: 2\nStatus: hold ok installed"}};
    const auto host = tree.host();
    const auto got = host::installed_versions(
        host.root(), {"podman", "docker.io", "crun", "passt", "runc", "last", "nested", "absent"});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(
        *got,
        (Versions{{"podman", "4.3.1+ds1-8+deb12u1"}, {"crun", "1.8.1"}, {"passt", "0.0"}, {"last", "2"}}));
}

// A name stands in others' dependencies and descriptions, and at either end of the file.
TEST(Packages, TheNameOfAPackageInAnotherIsNotThePackage) {
    const tests::Tree tree{
        {"var/lib/dpkg/status",
         "\nPackage: podman-docker\nStatus: install ok installed\nVersion: 1\nDepends: podman\n\n"
         "Package: crun\nStatus: install ok installed\nRecommends: podman\nVersion: 2\n\n\n"
         "Package: podman\nStatus: install ok installed\nVersion: 3\n\n"
         "Package: podman\nStatus: install ok installed\nVersion: 4\n\npodman"}};
    const auto host = tree.host();
    EXPECT_EQ(host::installed_versions(host.root(), {"podman", "", "docker"}).value(),
              (Versions{{"podman", "3"}}));
    tree.write("var/lib/dpkg/status", "");
    EXPECT_TRUE(host::installed_versions(host.root(), {"podman"})->empty());
}

// The file is read in parts: a stanza, a name and the line between two stanzas may lie on the border of two.
TEST(Packages, FindsAPackageWhereverItStandsInALongFile) {
    for (std::size_t before = 65536 - 64; before < 65536 + 8; ++before) {
        const std::string filler =
            "Package: filler\nVersion: 1\nDescription: " + std::string(before - 45, 'x') + "\n\n";
        const tests::Tree tree{{"var/lib/dpkg/status", filler +
                                                           "Package: podman\nStatus: install ok installed\n"
                                                           "Version: 4\n\n" +
                                                           filler}};
        const auto host = tree.host();
        EXPECT_EQ(host::installed_versions(host.root(), {"podman"}).value(), (Versions{{"podman", "4"}}))
            << before;
    }
    const std::string larger(std::size_t{200} << 10, 'x');  // than a part
    const tests::Tree tree{
        {"var/lib/dpkg/status", "Package: podman\nDescription: " + larger + "\nVersion: 5\n"}};
    const auto host = tree.host();
    EXPECT_EQ(host::installed_versions(host.root(), {"podman"}).value(), (Versions{{"podman", "5"}}));
}

TEST(Packages, ReadsStatusDirectory) {
    const tests::Tree tree{{"var/lib/dpkg/status.d/podman", "Package: podman\nVersion: 5.4\n"},
                           {"var/lib/dpkg/status.d/podman.md5sums", "Package: crun\nVersion: 1\n"}};
    const auto host = tree.host();
    const auto got = host::installed_versions(host.root(), {"podman", "crun"});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, (Versions{{"podman", "5.4"}}));
}

TEST(Packages, SaysWhatItCannotRead) {
    const tests::Tree rpm;
    rpm.directory("usr/lib/sysimage/rpm");
    const auto other = rpm.host();
    const auto refused = host::installed_versions(other.root(), {"podman"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unsupported);
    EXPECT_NE(refused.error().message.find("rpm"), std::string::npos);

    const tests::Tree bare;
    const auto none = bare.host();
    EXPECT_EQ(host::installed_versions(none.root(), {"podman"}).error().code, Code::unsupported);

    const tests::Tree pipe;
    pipe.fifo("var/lib/dpkg/status");
    const auto hostile = pipe.host();
    EXPECT_EQ(host::installed_versions(hostile.root(), {"podman"}).error().code, Code::integrity);
}

}  // namespace
