"""Where in the unlabelled videos ensembles disagree, and the frames proposed for labelling."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import counted

READS = ("frames_to_label.csv",)

_BINS = 600  # of a video's time; the eye could not separate more
_SHOWN = 12  # videos; the CSV has all of them
_NOTE = (
    "The disagreement is the root mean square distance of the ensembles' consensus from their mean, averaged over "
    "keypoints as log(1 + px). Each point in time shows the highest and the median value of the frames that are drawn "
    "together. Circles are frames proposed for labelling, with their rank."
)


def table(results: Results) -> pd.DataFrame:
    """A row per stretch of a video: `video`, `time_s` of its first frame, `disagreement_px` (highest) and `median_px`.

    Short videos have a row per frame. A stretch with chosen frames has the best `rank` among them.
    """
    parts = []
    chosen = results.frames_to_label
    for video in results.videos:
        score, frames = video.frame_disagreement, len(video.seconds)
        stretch = np.minimum(np.arange(frames) * min(_BINS, frames) // frames, _BINS - 1)
        part = pd.DataFrame({"stretch": stretch, "time_s": video.seconds, "disagreement_px": score, "median_px": score})
        ranks = chosen[chosen["video"] == video.video].set_index("frame")["rank"]
        part["rank"] = ranks.reindex(np.arange(frames)).to_numpy()
        aggregations = {"time_s": "first", "disagreement_px": "max", "median_px": "median", "rank": "min"}
        part = part.groupby("stretch", as_index=False).agg(aggregations).drop(columns="stretch")
        part.insert(0, "video", video.video)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per video."""
    chosen = results.frames_to_label
    shown = list(dict.fromkeys(table["video"]))[:_SHOWN]
    figure = _style.new_figure(9, 1.4 + 1.5 * len(shown))
    for axes, video in zip(np.atleast_1d(figure.subplots(len(shown), 1, sharey=True)), shown, strict=True):
        rows = table[table["video"] == video]
        axes.fill_between(
            rows["time_s"], 0, rows["disagreement_px"], color=_style.SKY, alpha=0.5, lw=0, label="highest"
        )
        axes.plot(rows["time_s"], rows["median_px"], color=_style.BLUE, lw=0.8, label="median")
        to_label = chosen[chosen["video"] == video]
        axes.plot(
            to_label["time_s"], to_label["disagreement_px"], "o", color=_style.RED, mfc="none", ms=6, label="to label"
        )
        for frame in to_label.itertuples():
            axes.annotate(
                str(frame.rank), (frame.time_s, frame.disagreement_px), xytext=(0, 5), textcoords="offset points",
                ha="center", fontsize=7, color=_style.RED,
            )  # fmt: skip
        axes.set_title(_style.plain(video))
        axes.margins(x=0.01)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("disagreement (px)")
    axes.set_xlabel("time (s)")
    axes.legend(loc="upper right", ncols=3, fontsize=7)
    _style.headline(figure, _title(table, chosen, len(shown)), _NOTE)
    return figure


def _title(table: pd.DataFrame, chosen: pd.DataFrame, shown: int) -> str:
    videos = table["video"].nunique()
    typical = table["median_px"].median()
    if chosen.empty:
        text = f"Ensembles disagree by {typical:.1f} px; no frame is far enough from a labelled one to be proposed"
    else:
        text = (
            f"Ensembles typically disagree by {typical:.1f} px, and by "
            f"{chosen['disagreement_px'].min():.1f} to {chosen['disagreement_px'].max():.1f} px in "
            f"{counted(len(chosen), 'frame')} proposed for labelling"
        )
    return text if shown == videos else f"{text} (of {videos} videos, the first {shown} are drawn)"
