"""The labels that fit their own animal worst, in words: what `init` and `check` say before any network is trained."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.suspicion.geometry import suspect_geometry
from frameworth.errors import printable
from frameworth.labels.deeplabcut import LabelledProject

_NAMED = (3, 5)  # labels: so many at least, and so many at most where more stand out


def first_look(project: LabelledProject) -> list[str]:
    """A line that says what it is, and a line per label, the worst first; none where too few keypoints are labelled."""
    suspects = suspect_geometry(project.xy)
    known = int(np.isfinite(suspects.suspicion).sum())
    if not known:
        return []
    # Of equal ones the first.
    order = np.argsort(np.where(np.isfinite(suspects.suspicion), -suspects.suspicion, np.inf), kind="stable")
    worst = order[: min(int(np.clip(suspects.flagged.sum(), *_NAMED)), known)]
    lines = ["A first look, without networks: these labels fit their own animal worst; rare poses do, too."]
    for row in worst:
        name = f"{project.videos[row]}/{project.images[row]}: {project.keypoints[suspects.keypoint[row]]}"
        partner = suspects.partner[row]
        exchanged = f", perhaps exchanged with {project.keypoints[partner]}" if partner >= 0 else ""
        lines.append(printable(f"  {name}{exchanged}{' (stands out)' if suspects.flagged[row] else ''}"))
    return lines
