# SPDX-License-Identifier: Apache-2.0
"""The policy of the tests that provision a tenant on a real system: one service user and what it needs. What else a
test wants comes after it; TOML takes the tables of [provision] in any order."""

WEB = """
[provision]
delegate = ["cpu", "cpuset", "io", "memory", "pids"]

[[provision.tenant]]
user = "web"
kind = "system"
subuid = "allocate"
subgid = "allocate"
linger = true
"""
