"""Write the generated reference pages, or say which of them are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import commands
import configuration
import errors
import events
import programs
import routes
import schemas

PAGES: dict[str, Callable[[], str]] = {
    "reference/asyncapi.json": schemas.asyncapi_document,
    "reference/command-line.md": commands.page,
    "reference/configuration.md": configuration.page,
    "reference/errors.md": errors.page,
    "reference/events.md": events.page,
    "reference/http-api.md": routes.page,
    "reference/openapi.json": routes.openapi,
    "reference/python.md": programs.page,
}
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Exit 1 when ``--check`` finds a page that differs from the code."""
    options = _options()
    stale = [name for name, page in PAGES.items() if _stale(options.into / name, page())]
    for name in stale:
        if options.check:
            print(f"stale: {name}; run scripts/docs", file=sys.stderr)
        else:
            (options.into / name).parent.mkdir(parents=True, exist_ok=True)
            (options.into / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote {name}")
    return 1 if stale and options.check else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    parser.add_argument("--into", type=Path, default=ROOT / "docs", help="folder of the pages")
    return parser.parse_args()


def _stale(path: Path, wanted: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != wanted


if __name__ == "__main__":
    sys.exit(main())
