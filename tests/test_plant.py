"""Planted errors: the right share, of the kinds asked for, in a copy; held-out frames and the source untouched."""

import numpy as np
import pandas as pd
import pytest

from frameworth.errors import UserError
from frameworth.project.labelled_project import read_project
from frameworth.project.plant import plant_errors
from frameworth.storage.files import digest_of_file
from frameworth.study.split import hold_out
from tiny import HELD_OUT, draw


def planted(tmp_path, **changes):
    source = draw(tmp_path / "source", frames=40)
    options = {"held_out": HELD_OUT, "seed": 1, "share": 0.3, "kinds": ["shifted", "swapped", "elsewhere", "missing"]}
    before = {path: digest_of_file(path) for path in source.rglob("*") if path.is_file()}
    plant_errors(source, tmp_path / "copy", **(options | changes))
    assert before == {path: digest_of_file(path) for path in source.rglob("*") if path.is_file()}
    kinds = pd.read_csv(tmp_path / "copy" / "planted.csv").set_index(["video", "image"])["planted"]
    return read_project(source), read_project(tmp_path / "copy"), kinds


def test_each_kind_spoils_labels_as_it_says_and_nothing_else_changes(tmp_path):
    source, copy, kinds = planted(tmp_path)
    held_out = hold_out(source.videos, source.images, seed=1, pictures=None, **HELD_OUT)
    names = list(zip(source.videos, source.images, strict=True))
    assert len(kinds) == round(0.3 * (~held_out).sum())
    assert kinds.value_counts().max() - kinds.value_counts().min() <= 1
    left, right = source.keypoints.index("leftear"), source.keypoints.index("rightear")
    for row, name in enumerate(names):
        before, after = source.xy[row], copy.xy[row]
        kind = kinds.get(name)
        if kind is None or held_out[row]:
            assert kind is None
            assert np.allclose(before, after, atol=1e-3, equal_nan=True)
        elif kind == "swapped":
            assert after[left] == pytest.approx(before[right], abs=1e-3, nan_ok=True)
        elif kind == "missing":
            assert np.isnan(after[:, 0]).sum() > np.isnan(before[:, 0]).sum()
            assert np.isfinite(after[:, 0]).any()
        else:
            moved = (after - before)[np.isfinite(before).all(axis=1)]
            assert np.ptp(moved, axis=0) == pytest.approx([0, 0], abs=2e-3)
            assert np.hypot(*moved[0]) >= 0.15 * 64 - 1e-2
            known = after[np.isfinite(after).all(axis=1)]
            assert ((known >= 0) & (known <= [64, 48])).all()


def test_a_share_that_is_no_frame_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"plant\.share"):
        planted(tmp_path, share=0.01)
