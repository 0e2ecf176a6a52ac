"""Tables such as `metagradient_labels.csv`: which labels a method calls harmful, and where each would have to move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from frameworth.attribution.label_checks import study_suspects
from frameworth.attribution.label_metagradients import label_metagradients
from frameworth.attribution.methods.base import Method
from frameworth.results.results import Results
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import read_hdf5
from frameworth.text import counted, readable

HARMFUL = "harmful"
_RESAMPLES = 999  # relabellings of the labels of each network


def write_label_harm(results: Results, chosen: Method[Any]) -> None:
    """Write the method's table, a row per label that has a derivative from at least one network."""
    assert chosen.label_table is not None
    write_csv(results.folder / chosen.label_table, label_harm(results, chosen))


def label_harm(results: Results, chosen: Method[Any]) -> pd.DataFrame:
    """The table of a method that judges labels; the file formats in the documentation explain its columns.

    The derivative gives the direction in which a label would have to move, but no distance. The distance is how far the
    place where networks that did not see the frame put the keypoint lies in this direction.
    """
    parts = read_hdf5(results.folder / chosen.artefact, ["change", "position"])
    xy = results.labels.xy
    labelled = np.isfinite(xy).all(axis=2)
    metagradients = label_metagradients(**parts, labelled=labelled, resamples=_RESAMPLES, rng=np.random.default_rng(0))
    way = ((study_suspects(results).place - xy) * metagradients.direction).sum(axis=2)
    move = np.where(way > 0, way, np.nan)[..., None] * metagradients.direction
    frame, keypoint = np.nonzero(metagradients.networks)
    of_label = {
        "value": metagradients.value,
        "standard_error": metagradients.standard_error,
        "p_adjusted": metagradients.p_adjusted,
        "verdict": np.where(metagradients.harmful & results.learning.learned, HARMFUL, "undecided"),
        "direction_x": metagradients.direction[..., 0],
        "direction_y": metagradients.direction[..., 1],
        "agreement": metagradients.agreement,
        "move_x": move[..., 0],
        "move_y": move[..., 1],
        "networks": metagradients.networks,
    }
    names = results.frames.loc[frame, ["frame", "video", "image"]].reset_index(drop=True)
    return names.assign(
        keypoint=np.array(results.labels.keypoints)[keypoint],
        **{name: values[frame, keypoint] for name, values in of_label.items()},
    )


def label_words(row: pd.Series) -> str:
    """A row of the table: `+3.2 ± 0.4, harmful; 6 networks would move it 12 px left (agreement 94 %)`."""
    harmful = f", {HARMFUL}" if row["verdict"] == HARMFUL else ""
    return f"{value_words(row)}{harmful}; {move_words(row)}"


def value_words(row: pd.Series) -> str:
    """The effect of more weight on a label, from a row of the table: `+3.2 ± 0.4`, where 1 is the usual size."""
    if np.isnan(row["value"]):
        return "no other label of its keypoint to compare it with"
    error = f" ± {readable(row['standard_error'])}" if np.isfinite(row["standard_error"]) else ""
    return readable(row["value"], "+") + error


def move_words(row: pd.Series) -> str:
    """Where a row's label would have to move: `6 networks would move it 12 px left (agreement 94 %)`."""
    far = np.hypot(row["move_x"], row["move_y"])
    so_far = f"{readable(far)} px " if np.isfinite(far) else ""
    towards = _towards(row["direction_x"], row["direction_y"])
    networks = counted(row["networks"], "network")
    if np.isnan(row["agreement"]):
        return f"{networks} would not move it"
    return f"{networks} would move it {so_far}{towards} (agreement {100 * row['agreement']:.0f} %)"


def _towards(across: float, below: float) -> str:
    """A unit vector in words; y points down."""
    least = np.sin(np.pi / 8)
    sideways = "right" if across > least else "left" if across < -least else ""
    upright = "down" if below > least else "up" if below < -least else ""
    return " and ".join(word for word in (sideways, upright) if word) or "nowhere"
