# SPDX-License-Identifier: Apache-2.0
"""A strict reader of OpenMetrics 1.0, and of the text format 0.0.4 as node_exporter's textfile collector takes it.
Whatever the specification forbids raises an AssertionError; so does what is only legal and nothing of ours needs."""
import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
SAMPLE = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)(\{.*\})? (-?[0-9]+(?:\.[0-9]+)?)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SUFFIXES = {"gauge": {""}, "counter": {"_total"}, "info": {"_info"}, "histogram": {"_bucket", "_sum", "_count"}}


def labels_of(text):
    out, at = {}, 1
    while text[at:] != "}":
        match = LABEL.match(text, at)
        assert match, f"no label at {at} of {text!r}"
        assert match[1] not in out, f"label {match[1]} twice in {text!r}"
        out[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
        if text[at] == ",":
            at += 1
            assert text[at] != "}", f"a comma at the end of {text!r}"
    assert out, "empty braces"
    return out


class Family:
    def __init__(self, name, kind):
        self.name, self.kind, self.help, self.unit, self.samples = name, kind, None, None, []

    def check(self):
        assert self.help, f"{self.name} has no HELP"
        assert self.samples or self.kind == "gauge", f"{self.name} has no samples"
        seen = set()
        for suffix, labels, value in self.samples:
            key = (suffix, tuple(sorted(labels.items())))
            assert key not in seen, f"{self.name}{key} twice"
            seen.add(key)
            assert self.kind == "gauge" or value >= 0
            assert self.kind != "info" or value == 1
        if self.kind == "histogram":
            self.check_histogram()

    def check_histogram(self):
        bounds = [labels["le"] for suffix, labels, _ in self.samples if suffix == "_bucket"]
        counts = [value for suffix, _, value in self.samples if suffix == "_bucket"]
        assert bounds[-1] == "+Inf"
        assert all(re.fullmatch(r"[0-9]+\.[0-9]+", bound) for bound in bounds[:-1]), bounds
        assert [float(b) for b in bounds] == sorted({float(b) for b in bounds}), bounds
        assert counts == sorted(counts), counts
        [total] = [value for suffix, _, value in self.samples if suffix == "_count"]
        assert total == counts[-1] and any(suffix == "_sum" for suffix, _, _ in self.samples)


def parse(data, openmetrics=True):
    """{name: Family} of bytes."""
    text = data.decode("utf-8")
    assert text.endswith("\n") and "\r" not in text
    lines = text[:-1].split("\n")
    if openmetrics:
        assert lines.pop() == "# EOF"
    families, family = {}, None
    for line in lines:
        assert not CONTROL.search(line), f"control characters: {line!r}"
        if line.startswith("#"):
            mark, word, name, rest = line.split(" ", 3)
            assert mark == "#" and NAME.fullmatch(name), line
            if word == "TYPE":
                assert name not in families, f"{name} is declared twice"
                assert rest in (SUFFIXES if openmetrics else ("gauge", "counter", "histogram")), line
                family = families[name] = Family(name, rest)
            assert family.name == name and not family.samples, f"out of order: {line}"
            if word == "UNIT":
                assert openmetrics and family.unit is None and name.endswith("_" + rest), line
                family.unit = rest
            elif word == "HELP":
                assert family.help is None and "\\" not in rest
                family.help = rest
            else:
                assert word == "TYPE", line
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        assert match[1].startswith(family.name), line
        suffix = match[1][len(family.name):]
        allowed = SUFFIXES[family.kind] if openmetrics or family.kind == "histogram" else {""}
        assert suffix in allowed, f"{line}: no sample of a {family.kind}"
        family.samples.append((suffix, labels_of(match[2]) if match[2] else {}, float(match[3])))
    for one in families.values():
        one.check()
        # What the two formats tell apart.
        assert openmetrics or one.kind != "counter" or one.name.endswith("_total"), one.name
        assert not openmetrics or not one.name.endswith(("_total", "_info")), one.name
    return families


def value(families, name, **labels):
    """Of the one sample with these labels; `name` is the family's."""
    [found] = [value for suffix, have, value in families[name].samples
               if have == labels and suffix not in ("_bucket", "_sum")]
    return found
