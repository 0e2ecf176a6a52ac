"""Draw the demo's DeepLabCut project: `python path/to/frameworth/demo FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of this folder, or of the working directory

from demo.drawing import draw_project  # noqa: E402
from frameworth.cli._common import FILE, Json, friendly  # noqa: E402
from frameworth.plan.config import check_config  # noqa: E402
from frameworth.plan.split import hold_out  # noqa: E402


@click.command()
@click.argument("folder", type=FILE)
@click.option("--demo", type=Json(dict), help="The config's `demo`; the defaults if left out.")
@click.option("--held-out", type=Json(dict), help="The config's `held_out`; the defaults if left out.")
@click.option("--seed", type=int, default=1, show_default=True, help="The study's seed.")
@friendly
def main(folder: Path, demo: dict[str, Any] | None, held_out: dict[str, Any] | None, seed: int) -> None:
    """Draw the demo's DeepLabCut project into FOLDER."""
    given = {"demo": demo, "held_out": held_out}
    config = check_config({"study": "demo", "labels": "demo"} | {key: part for key, part in given.items() if part})
    split = {"seed": seed, "pictures": None, **config.held_out.model_dump()}
    draw_project(folder, seed=seed, pool=lambda v, i: ~hold_out(v, i, **split), **config.demo.model_dump())


if __name__ == "__main__":
    main()
