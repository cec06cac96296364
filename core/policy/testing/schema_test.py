#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether an independent JSON Schema validator judges policy files as the policy compiler does.

Usage: schema_test.py SCHEMA_EXAMPLES (the program that prints both).
"""
import json
import subprocess
import sys

import jsonschema


def main():
    examples = json.loads(subprocess.run([sys.argv[1]], check=True, stdout=subprocess.PIPE).stdout)
    schema = examples["schema"]
    # python3-jsonschema before 3.x knows no 2020-12; the keywords used here mean the same in both.
    validator_class = getattr(jsonschema, "Draft202012Validator", jsonschema.Draft7Validator)
    validator_class.check_schema(schema)
    validator = validator_class(schema)
    wrong = [f"refused: {d}" for d in examples["accepted"] if not validator.is_valid(d)]
    wrong += [f"accepted: {d}" for d in examples["refused"] if validator.is_valid(d)]
    print("\n".join(wrong) or f"{len(examples['accepted'])} accepted, {len(examples['refused'])} refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
