"""The figures: one module each, with `table(results)` (the CSV) and `draw(table, results)`.

A module whose figure reads more of the study than the artefacts that all figures read names these files in `READS`, a
tuple of literal names: so Snakemake makes them first, and draws anew what rests on them.

A module added to this folder is a figure more; modules whose names begin with an underscore are helpers.
Importing this package imports no matplotlib: the workflow asks for the names before any job runs.
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

# Where figures stand in Snakemake's report; those that are not named here stand under "Figures".
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
        pairs: how many of the most harmful and of the most helpful pairs get a figure each.
        pair_list: further pairs wanted, as [training frame, evaluated frame].
        videos: whether the study has any. pilot: whether it has one.
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
    """Where the figures of a module stand in Snakemake's report."""
    named = (category for category, modules in CATEGORIES.items() if module in modules)
    return next(named, "Influence" if module.startswith("influence_") else "Figures")


def figure_reads(module: str) -> tuple[str, ...]:
    """The files that the figures of a module read beyond those that all figures do: its `READS`.

    Taken from the module's source, as importing it imports matplotlib.
    """
    (source,) = (path for folder in __path__ if (path := Path(folder) / f"{module}.py").exists())
    for statement in ast.parse(source.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "READS":
            return tuple(ast.literal_eval(statement.value))
    return ()


def draw_figure(name: str, results: Results, folder: Path) -> None:
    """Write `folder/name.png`, `.svg` and the `.csv` it is drawn from, each atomically.

    Raises UserError for a name that is no figure, or a pair of frames that does not exist.
    """
    module_name = figure_module(name)
    if module_name not in _modules() or name == PAIR:
        raise UserError(f"figure '{name}': there is no such figure; there are {', '.join(_modules())}")
    # Only here, so that asking for names stays quick.
    from frameworth.figures import _style

    module = importlib.import_module(f"{__name__}.{module_name}")
    pair = (name.removeprefix(PAIR + "_"),) if module_name == PAIR else ()
    with _style.theme():
        table = module.table(results, *pair)
        figure = module.draw(table, results)
        # Those of videos and of the pilot are drawn from what these found alone.
        if module_name not in (VIDEOS, PILOT) and not results.learning.learned:
            _style.say_above(figure, "The networks have not learned: nothing here says anything of frames or labels.")
        _style.save(figure, table, Path(folder) / name)


def _modules() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def _pair_names(pairs: int, pair_list: list[list[int]]) -> list[str]:
    numbers = range(1, pairs + 1)
    ranked = [f"{PAIR}_{effect}-{k}" for effect in ("harmful", "helpful") for k in numbers]
    wanted = [f"{PAIR}_{i}_{j}" for i, j in pair_list]
    return ranked + list(dict.fromkeys(wanted))
