"""What finished studies answer: writes the tables, prints the answers, and draws the figures from the tables alone.

python -m findings more-data
python -m findings more-data --draw
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pandas as pd

from findings import questions
from frameworth.storage.files import write_csv

TABLES, FIGURES = Path("docs/findings"), Path("docs/images/findings")


def all_questions() -> dict[str, Any]:
    """The modules of `findings.questions`, by the name of their tables and figures."""
    names = [module.name for module in iter_modules(questions.__path__)]
    return {name.replace("_", "-"): import_module(f"findings.questions.{name}") for name in names}


def main() -> None:
    """Answer all questions that one set of studies was made for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", choices=sorted({question.STUDIES for question in all_questions().values()}))
    parser.add_argument("--draw", action="store_true", help="from the tables that are there, without studies")
    arguments = parser.parse_args()
    if not arguments.draw and not any(Path("results").glob(f"{arguments.studies}-*/report.html")):
        parser.error(f"no finished study lies in results/{arguments.studies}-*: type make findings-{arguments.studies}")
    TABLES.mkdir(parents=True, exist_ok=True)
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name, question in all_questions().items():
        if arguments.studies != question.STUDIES:
            continue
        path = TABLES / f"{name}.csv"
        if not arguments.draw:
            write_csv(path, with_rows_of_others(question.collect(), path))
        table = pd.read_csv(path)
        print(f"\n{question.__doc__.splitlines()[0]}\n\n{question.answer(table).to_string(index=False)}")
        question.draw(table).savefig(FIGURES / f"{name}.png", dpi=110, bbox_inches="tight")


def with_rows_of_others(collected: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The collected rows, after those rows of the table at `path` that belong to studies that are not here.

    So the studies of some projects can be run again, or on another day, without the others.
    """
    if not path.exists():
        return collected
    before = pd.read_csv(path)
    if collected.empty:
        return before
    names = [name for name in ("project", "planting", "budget") if name in before]
    here = pd.MultiIndex.from_frame(collected[names])
    return pd.concat([before[~pd.MultiIndex.from_frame(before[names]).isin(here)], collected])


if __name__ == "__main__":
    main()
