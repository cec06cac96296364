#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses what the architecture forbids: includes and CMake links that run backwards, third-party headers
outside their home, shells, file access past the Sysroot, missing licence lines, files that grew too long.

usage: layers.py ROOT          prints one line per violation, "FILE:LINE: what"; exit 1 when there is one
The tables below are the architecture (docs/hacking.md explains it)."""
import pathlib
import re
import sys

# Layer -> layers it may include and link, besides itself. A key covers everything below it.
ALLOW = {
    "core/base": set(),
    "core/policy": {"core/base"},
    "core/host": {"core/base", "core/policy"},
    "core/bus": {"core/base", "core/policy", "core/host"},
    "core/report": {"core/base", "core/policy"},
    "modules": {"core/base", "core/policy", "core/host"},
    "agentctl": {"core", "modules"},
    "daemon": {"core", "modules"},
    "fleet": {"core/base", "core/report"},
    "tests": {"core", "modules", "agentctl", "daemon", "fleet"},
}
TOP_LEVEL = {"core", "modules", "daemon", "agentctl", "fleet", "units", "images", "tests", "docs",
             "build", ".git", ".ci", ".cache"}
PRODUCT = ("core/", "modules/", "agentctl/", "daemon/", "fleet/")

# Include prefix -> where it may stand. Test files may include what they test with.
HOMES = {
    "toml++/": ("core/base/toml.cpp",),
    "nlohmann/": ("core/base/json.cpp",),
    "yaml.h": ("core/base/yaml.cpp",),
    "openssl/": ("core/base/digest.cpp",),
    "sdbus-c++/": ("core/bus/",),
    "systemd/": ("core/bus/",),
    "CLI/": ("agentctl/", "daemon/options.cpp"),
    "sqlite3.h": ("daemon/store/",),
    "bpf/": ("daemon/watch/",),
    "sys/acl.h": ("core/host/",),
    "acl/": ("core/host/",),
    "gtest/": ("tests/",),
    "gmock/": ("tests/",),
    "benchmark/": ("tests/bench/",),
}
# Imported CMake target or pkg-config variable -> folders whose CMakeLists.txt may name it.
LINK_HOMES = {
    "nlohmann_json::nlohmann_json": ("core/",),
    "PkgConfig::LIBYAML": ("core/",),
    "OpenSSL::Crypto": ("core/",),
    "SDBusCpp::sdbus-c++": ("core/bus/",),
    "CLI11::CLI11": ("agentctl/", "daemon/"),
    "PkgConfig::SQLITE3": ("daemon/store/",),
    "PkgConfig::LIBBPF": ("daemon/watch/",),
}

# What product code must not contain (outside comments and string literals), and files that may after all.
FORBIDDEN = [
    (re.compile(r"(?<![\w.:>])(?:std::|::)?(?:system|popen)\s*\("), "starts a shell", ()),
    (re.compile(r"\bexec(?:l|v)pe?\s*\("), "searches PATH for a program", ()),
    (re.compile(r"\bthrow\b(?!\s*\()"), "throws; return a Result", ()),
    (re.compile(r"\bstd::(?:basic_)?[io]?fstream\b|\bfopen\s*\("), "opens a file past the Sysroot", ()),
    (re.compile(r"\bstd::filesystem(?:\s*;|::(?!path\b))"), "reaches the file system past the Sysroot", ()),
    (re.compile(r"(?<!\w)::(?:open|creat|stat|lstat|access|unlink|rename|opendir)\s*\("),
     "opens a path past the Sysroot",
     ("core/host/sysroot.cpp", "core/host/host.cpp", "core/host/runner.cpp", "core/host/policy_files.cpp")),
    (re.compile(r"\bstd::c(?:out|err)\b|(?<![\w.])(?:printf|puts)\s*\("),
     "prints; only agentctl and daemon speak to people", ("agentctl/", "daemon/")),
]
# The same, seen with string literals in place.
FORBIDDEN_TEXT = [
    (re.compile(r'"(?:(?:/usr)?/bin/)?(?:ba|da|z)?sh"\s*,\s*"-'), "runs a shell"),
]
EVERYWHERE = [
    (re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"), "unfinished; finish it or file an issue"),
    (re.compile(r"NO" r"LINT(?:NEXTLINE|BEGIN|END)?(?!\w)(?!\()"), "suppresses every check; name the one"),
    (re.compile(r"[ \t]+$"), "trailing blank"),
    (re.compile(r"\r"), "carriage return"),
    (re.compile(r"^(?:<{7}|>{7}) "), "merge conflict"),
]
MAX_LINES = 600
MAX_TEST_LINES = 800
CODE = (".hpp", ".cpp", ".h", ".c")
SCRIPT = (".py", ".sh", ".bash")
PROSE = (".md", ".txt", ".toml", ".json", ".cmake")


def layer(path):
    """The key of ALLOW that covers `path`."""
    return next((k for k in sorted(ALLOW, key=len, reverse=True) if path == k or path.startswith(k + "/")), None)


def may(source, target):
    allowed = ALLOW[source] | {source}
    return any(target == a or target.startswith(a + "/") for a in allowed)


def is_test(path):
    return path.startswith("tests/") or re.search(r"_test\.[ch]pp$|/testing/|/test_support\.hpp$", path) is not None


TOKEN = re.compile(
    r'R"(?P<d>[^()\\ ]{0,16})\(.*?\)(?P=d)"|"(?:[^"\\\n]|\\.)*"|(?<![0-9a-fA-F])\'(?:[^\'\\\n]|\\.)+\''
    r"|//[^\n]*|/\*.*?\*/", re.DOTALL)


def blank(text, strings):
    """Comments, and with `strings` literals too, replaced by blanks; line numbers stay."""
    def empty(match):
        piece = match.group(0)
        if piece.startswith("/") or strings:
            return re.sub(r"[^\n]", " ", piece)
        return piece
    return TOKEN.sub(empty, text)


def numbered(pattern, text):
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.search(line):
            yield number


def check_include(path, number, name):
    source = layer(path)
    for prefix, homes in HOMES.items():
        if name.startswith(prefix) and not any(path == h or path.startswith(h) for h in homes):
            if not (is_test(path) and prefix in ("gtest/", "gmock/")):
                yield f"{path}:{number}: <{name}> belongs to {homes[0]}"
    target = layer(name)
    if source is None or target is None:
        return
    if target == "tests":
        if not is_test(path):
            yield f"{path}:{number}: product code must not include {name}"
        return
    if is_test(path) and source.startswith("core/") and target.startswith("core/"):
        return  # a unit test may set up its subject with any part of core
    if not may(source, target):
        yield f"{path}:{number}: {source} must not include {target}"
    elif source == "modules" and target == "modules":
        own, other = path.split("/"), name.split("/")
        if len(own) > 2 and other[1] != own[1]:
            yield f"{path}:{number}: a module must not include another ({name})"


def check_code(path, text):
    for number, line in enumerate(blank(text, False).splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line):
            yield from check_include(path, number, match[1])
    limit = MAX_TEST_LINES if is_test(path) else MAX_LINES
    if (lines := text.count("\n")) > limit:
        yield f"{path}:{lines}: longer than {limit} lines; split it by topic"
    if path.startswith(PRODUCT) and not is_test(path):
        bare, without_comments = blank(text, True), blank(text, False)
        for pattern, what, exempt in FORBIDDEN:
            if not any(path == e or (e.endswith("/") and path.startswith(e)) for e in exempt):
                yield from (f"{path}:{n}: {what}" for n in numbered(pattern, bare))
        for pattern, what in FORBIDDEN_TEXT:
            yield from (f"{path}:{n}: {what}" for n in numbered(pattern, without_comments))
    if path.endswith(".hpp") and "#pragma once" not in text:
        yield f"{path}:1: no #pragma once"
    if re.search(r"^\s*using\s+namespace\s+std\s*;", text, re.MULTILINE):
        yield f"{path}:1: using namespace std"


def target_layer(target, folder):
    """Where a CMake target lives: by our naming, else by the folder that declares it."""
    for pattern, place in ((r"plimsoll_(base|policy|host|bus|report)", r"core/\1"),
                           (r"plimsoll_module_(\w+)", r"modules/\1"), (r"plimsoll_modules", "modules"),
                           (r"plimsoll_support", "tests/support"), (r"(agentctl|daemon|fleet)\w*", r"\1"),
                           (r"plimsoll_(agentctl|daemon|fleet)\w*", r"\1")):
        if re.fullmatch(pattern, target):
            return re.sub(pattern, place, target)
    return folder


def check_cmake(path, text):
    folder = path.rsplit("/", 1)[0] if "/" in path else ""
    text = re.sub(r"#[^\n]*", "", text)
    for call in re.finditer(r"\btarget_link_libraries\s*\(\s*(\S+)\s+([^)]*)\)", text):
        number = text.count("\n", 0, call.start()) + 1
        source = layer(target_layer(call[1], folder))
        for library in re.findall(r"[\w:+-]+", call[2]):
            for name, homes in LINK_HOMES.items():
                if library == name and not path.startswith(homes):
                    yield f"{path}:{number}: {name} belongs to {homes[0]}"
            place = target_layer(library, None)
            target = layer(place) if place else None
            if source is None or target is None or source == "tests":
                continue
            if target == "tests":
                yield f"{path}:{number}: {call[1]} links {library}, which is for tests"
            elif not may(source, target):
                yield f"{path}:{number}: {source} must not link {target} ({library})"
            elif call[1].startswith("plimsoll_module_") and place.startswith("modules/"):
                yield f"{path}:{number}: a module must not link another ({library})"


def check_text(path, text):
    prose = path.endswith(PROSE) and not path.endswith("CMakeLists.txt")
    for pattern, what in EVERYWHERE:
        if prose and what == "trailing blank":
            continue
        yield from (f"{path}:{n}: {what}" for n in numbered(pattern, text))
    script = path.endswith(SCRIPT) or text.startswith("#!")
    if path.endswith(CODE) or script:
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in text.splitlines()[:2]):
            yield f"{path}:1: no SPDX-License-Identifier line"
    if text and not text.endswith("\n"):
        yield f"{path}:{text.count(chr(10)) + 1}: no newline at the end"


def files_of(root):
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file() or name.startswith(("build/", ".git/", ".cache/")):
            continue
        if name.startswith("tests/corpus/") or "/testdata/" in name or "/__pycache__/" in name:
            continue
        yield name, path


def check_tree(root):
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and entry.name not in TOP_LEVEL:
            yield f"{entry.name}/:1: not a folder of the architecture"
    for name, path in files_of(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if name.endswith(CODE + SCRIPT + PROSE) or text.startswith("#!"):
            yield from check_text(name, text)
        if name.endswith(CODE):
            yield from check_code(name, text)
        if name.endswith(("CMakeLists.txt", ".cmake")):
            yield from check_cmake(name, text)


def main():
    problems = list(check_tree(pathlib.Path(sys.argv[1])))
    print("\n".join(problems) if problems else "no violation")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
