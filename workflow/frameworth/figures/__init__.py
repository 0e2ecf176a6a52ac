"""The figures: one module each, with `table(results)` (the CSV) and `draw(table, results)`.

All figures read certain artefacts of the study. A module whose figure reads more files names them in `READS`, a tuple
of literal names. Snakemake then makes these files first, and draws the figure again when they change.

Every module in this folder is a figure, unless its name begins with an underscore; those are helpers. Importing this
package does not import matplotlib, because the workflow needs the names before any job runs.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from frameworth.errors import UserError

if TYPE_CHECKING:
    from frameworth.results.results import Results

PAIR = "influence_pair"
VIDEOS = "video_disagreement"
PILOT = "pilot"

# The categories of Snakemake's report; figures that are not named here are under "Figures".
CATEGORIES = {
    "Labels to check": ("labels_to_check", "memorization", "outliers"),
    "How far to trust it": ("settling", "lds", "influence_standard_error", "plan"),
    "Frames and networks": (
        "learning_curve", "error_pca", "inclusion_matrix", "bias_variance", "seeds", "add", "pilot",
    ),
    "Worth of frames": ("frame_values",),
    "Influence": ("distractors",),
    "Videos": ("video_disagreement",),
    "Experiments": ("arms", "history", "variance_components", "prune"),
}  # fmt: skip


def figure_names(pairs: int, pair_list: list[list[int]], videos: bool = False, pilot: bool = False) -> list[str]:
    """The names of all figures, in alphabetical order of their modules.

    Args:
        pairs: number of the most harmful pairs, and of the most helpful pairs, that get a figure each.
        pair_list: further pairs wanted, as [training frame, evaluated frame].
        videos: whether the study has videos. pilot: whether it has a pilot.
    """
    names = []
    for module in _modules():
        if (module == VIDEOS and not videos) or (module == PILOT and not pilot):
            continue
        names += _pair_names(pairs, pair_list) if module == PAIR else [module]
    return names


def figure_module(name: str) -> str:
    """The module that draws figure `name`; its caption has the same name."""
    return PAIR if name.startswith(PAIR + "_") else name


def figure_category(module: str) -> str:
    """The category of a module's figures in Snakemake's report."""
    named = (category for category, modules in CATEGORIES.items() if module in modules)
    return next(named, "Influence" if module.startswith("influence_") else "Figures")


def figure_reads(module: str) -> tuple[str, ...]:
    """The files that a module's figures read besides those that all figures read: its `READS`.

    They are taken from the module's source, because importing the module would import matplotlib.
    """
    (source,) = (path for folder in __path__ if (path := Path(folder) / f"{module}.py").exists())
    for statement in ast.parse(source.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "READS":
            return tuple(ast.literal_eval(statement.value))
    return ()


def draw_figure(name: str, results: Results, folder: Path) -> None:
    """Write `folder/name.png`, `.svg` and the `.csv` that they are drawn from, each atomically.

    Raises UserError for a name that is not a figure, or for a pair of frames that does not exist.
    """
    module_name = figure_module(name)
    if module_name not in _modules() or name == PAIR:
        raise UserError(f"figure '{name}': there is no such figure; there are {', '.join(_modules())}")
    # Imported only here, so that asking for names stays quick.
    from frameworth.figures import _style

    module = importlib.import_module(f"{__name__}.{module_name}")
    pair = (name.removeprefix(PAIR + "_"),) if module_name == PAIR else ()
    with _style.theme():
        table = module.table(results, *pair)
        figure = module.draw(table, results)
        # The figures of videos and of the pilot do not depend on whether the study's networks have learned.
        if module_name not in (VIDEOS, PILOT) and not results.learning.learned:
            _style.say_above(figure, "The networks have not learned: do not judge frames or labels by this figure.")
        _style.save(figure, table, Path(folder) / name)


def _modules() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def _pair_names(pairs: int, pair_list: list[list[int]]) -> list[str]:
    numbers = range(1, pairs + 1)
    ranked = [f"{PAIR}_{effect}-{k}" for effect in ("harmful", "helpful") for k in numbers]
    wanted = [f"{PAIR}_{i}_{j}" for i, j in pair_list]
    return ranked + list(dict.fromkeys(wanted))
