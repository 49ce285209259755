"""python -m experiments.plan: write the JSON schema of plans and the tables of their guide."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from experiments.runtime.exit_status import ALL_WELL, BAD_INPUT, unless_interrupted
from experiments.runtime.places import CHECKOUT
from experiments.runtime.program import program

EXTRAS = ("report",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    command_parser().parse_args(arguments)
    return unless_interrupted(_write, EXTRAS)


def command_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    return argparse.ArgumentParser(
        prog=program("plan"),
        description="Write docs/plan.schema.json and the tables of docs/plan.md of the checkout "
        "again, after a change of what a plan may name.",
    )


def _write() -> int:
    from experiments.plan.schema import GUIDE, SCHEMA, schema_text, updated_guide

    guide, schema = CHECKOUT / GUIDE, CHECKOUT / SCHEMA
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
