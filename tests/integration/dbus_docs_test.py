#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds docs/dbus.md to the definitions: the interface, the polkit actions, the names of errors; nothing missing,
nothing invented. usage: dbus_docs_test.py SOURCE-DIR"""
import pathlib
import re
import sys
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(sys.argv[1])
PAGE = (ROOT / "docs/dbus.md").read_text(encoding="utf-8")
INTERFACE = ElementTree.parse(ROOT / "units/dbus/org.plimsoll.Agent1.xml").getroot().find("interface")


def section(name):
    return re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def arguments(element, direction=None):
    return "(" + ", ".join(f"{a.get('type')} {a.get('name')}" for a in element.findall("arg")
                           if direction is None or a.get("direction") == direction) + ")"


def described(name):
    """Heading and signature of what a section describes."""
    return re.findall(r"^### (\S+)\n\n`([^`\n]+)`\n\n(?=\S)", section(name), re.MULTILINE)


class Interface(unittest.TestCase):
    maxDiff = None

    def test_methods(self):
        defined = [(m.get("name"), f"{m.get('name')}{arguments(m, 'in')} → {arguments(m, 'out')}")
                   for m in INTERFACE.findall("method")]
        self.assertEqual(described("Methods"), defined)
        self.assertEqual(len(re.findall(r"^### ", section("Methods"), re.MULTILINE)), len(defined))

    def test_signals(self):
        defined = [(s.get("name"), s.get("name") + arguments(s)) for s in INTERFACE.findall("signal")]
        self.assertEqual(described("Signals"), defined)
        self.assertEqual(len(re.findall(r"^### ", section("Signals"), re.MULTILINE)), len(defined))

    def test_properties(self):
        def const(prop):
            return any(a.get("value") == "const" for a in prop.findall("annotation"))
        defined = [(p.get("name"), p.get("type"), const(p)) for p in INTERFACE.findall("property")]
        rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", section("Properties"), re.MULTILINE)
        self.assertEqual([(name, kind, "*const*" in text) for name, kind, text in rows], defined)
        self.assertEqual({p.get("access") for p in INTERFACE.findall("property")}, {"read"})

    def test_columns_of_a_finding(self):
        rows = re.findall(r"^\| \d+ \| `([^`]+)` \|", section("Methods"), re.MULTILINE)
        findings = INTERFACE.find("method[@name='Findings']").find("arg[@direction='out']").get("type")
        self.assertEqual("a(" + "".join(rows) + ")", findings)

    def test_the_definition_has_nothing_else(self):
        self.assertLessEqual({e.tag for e in INTERFACE}, {"method", "signal", "property", "annotation"})
        self.assertGreater(len(INTERFACE), 20)


class Around(unittest.TestCase):
    def test_polkit_actions(self):
        policy = ElementTree.parse(ROOT / "units/polkit/org.plimsoll.agent1.policy")
        defined = [a.get("id") for a in policy.iter("action")]
        self.assertEqual(re.findall(r"^\| `(org\.plimsoll\.agent1\.[\w-]+)` \|", section("Who may do what"),
                                    re.MULTILINE), defined)
        self.assertLessEqual(set(re.findall(r"org\.plimsoll\.agent1\.[\w-]+", PAGE)), set(defined))

    def test_errors(self):
        source = (ROOT / "core/bus/errors.cpp").read_text(encoding="utf-8")
        sent = {}
        for name, code in re.findall(r'\{"([\w.]+)", Code::(\w+)\}', source):
            sent.setdefault(code, name)
        self.assertGreater(len(sent), 6)
        self.assertEqual(set(re.findall(r"^\| `([\w.]+Error\.\w+)` \|", section("Errors"), re.MULTILINE)),
                         set(sent.values()))


unittest.main(argv=sys.argv[:1])
