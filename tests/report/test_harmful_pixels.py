"""Where in a frame the harm is: what is computed from derivatives, and the picture from a real network's."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from frameworth.errors import UserError
from frameworth.labels.subsets import read_subset
from frameworth.plan.config import check_config
from frameworth.report.harmful_pixels import harm_of_places, write_harmful_pixels
from frameworth.results.results import Results
from small_ensemble import ensemble
from tiny import config, prepare


def test_a_place_harms_where_brightening_it_raises_the_score_and_it_is_bright():
    image = np.full((40, 60, 3), 100, np.uint8)
    image[10:20, 10:20] = 200
    image[10:20, 40:50] = 0
    derivative = np.zeros(image.shape)
    derivative[10:20, 10:20] = derivative[10:20, 40:50] = 0.5
    harm = harm_of_places(derivative, image)
    mean = image[..., 0].mean()
    assert harm[15, 15] == pytest.approx(3 * 0.5 * (200 - mean), rel=0.05)  # three colours
    assert harm[15, 45] == pytest.approx(-3 * 0.5 * mean, rel=0.05)
    assert harm[35, 30] == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_the_networks_that_were_trained_on_a_frame_are_asked_and_no_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = check_config(config("project", influence={"metagradient": {"networks": 1}}))
    root = study.folder
    subset_json, _ = prepare(root)
    ensemble(root, "ensembles")
    subset_file = root / "subsets/percent-050/seed-1.json"
    subset_file.parent.mkdir(parents=True)
    subset_file.write_bytes(subset_json.read_bytes())
    results, subset = Results(root), read_subset(subset_file)
    (other, *_) = set(np.flatnonzero(results.pool)) - set(subset.frames)
    path, networks = write_harmful_pixels(results, study, int(subset.frames[0]))
    assert networks == 1
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert (np.ptp(picture, axis=2) > 60).any()  # not all grey
    with pytest.raises(UserError, match="no base network"):
        write_harmful_pixels(results, study, int(other))
    with pytest.raises(UserError, match=r"influence\.metagradient"):
        write_harmful_pixels(results, check_config(config("project")), 0)
    assert not list(Path(root).glob(".store/*/before-step-*"))
