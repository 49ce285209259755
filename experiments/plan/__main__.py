"""python -m experiments.plan: write the JSON schema of plans and the tables of their guide."""

from __future__ import annotations

import sys
from pathlib import Path

from experiments.runtime.exit_status import ALL_WELL, BAD_INPUT

_PROJECT = Path(__file__).parents[2]


def main() -> int:
    """Run the command and return its exit status."""
    from experiments.plan.schema import GUIDE, SCHEMA, schema_text, updated_guide

    guide, schema = _PROJECT / GUIDE, _PROJECT / SCHEMA
    try:
        # Both are made before either is written.
        texts = {schema: schema_text(), guide: updated_guide(guide.read_text(encoding="utf-8"))}
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
            print(path)
    except (OSError, ValueError) as error:
        print(f"experiments.plan: {error}", file=sys.stderr)
        return BAD_INPUT
    return ALL_WELL


if __name__ == "__main__":
    sys.exit(main())
