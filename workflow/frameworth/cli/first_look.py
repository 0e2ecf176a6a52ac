"""The labels that fit their own animal worst, in words, for `init` and `check`, before any network is trained."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.suspicion.geometry import suspect_geometry
from frameworth.errors import printable
from frameworth.labels.deeplabcut import LabelledProject

_NAMED = (3, 5)  # least and largest number of labels listed


def first_look(project: LabelledProject) -> list[str]:
    """A heading and a line for each label, the worst first; empty if too few keypoints are labelled."""
    suspects = suspect_geometry(project.xy)
    known = int(np.isfinite(suspects.suspicion).sum())
    if not known:
        return []
    # A stable sort: equal ones stay in their order.
    order = np.argsort(np.where(np.isfinite(suspects.suspicion), -suspects.suspicion, np.inf), kind="stable")
    worst = order[: min(int(np.clip(suspects.flagged.sum(), *_NAMED)), known)]
    lines = ["A first look, without networks: these labels fit their own animal worst; rare poses do, too."]
    for row in worst:
        name = f"{project.videos[row]}/{project.images[row]}: {project.keypoints[suspects.keypoint[row]]}"
        partner = suspects.partner[row]
        exchanged = f", perhaps exchanged with {project.keypoints[partner]}" if partner >= 0 else ""
        lines.append(printable(f"  {name}{exchanged}{' (stands out)' if suspects.flagged[row] else ''}"))
    return lines
