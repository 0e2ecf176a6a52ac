"""What is read from all images of a project at once."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.images import read_image
from frameworth.labels.pictures import inspect_pictures

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)


@pytest.fixture
def project(tmp_path):
    """Four pictures: the first, one that differs in its last row, the first as a bitmap, one with a row more."""
    last = PIXELS.copy()
    last[-1] = 255 - last[-1]
    taller = np.concatenate([PIXELS, PIXELS[:1]])
    names = ["a.png", "b.png", "c.bmp", "d.png"]
    for name, pixels in zip(names, (PIXELS, last, PIXELS, taller), strict=True):
        Image.fromarray(pixels).save(tmp_path / name)
    return LabelledProject(
        root=tmp_path,
        scorer="me",
        keypoints=("nose",),
        skeleton=(),
        videos=("day1",) * 4,
        images=tuple(names),
        paths=tuple(tmp_path / name for name in names),
        xy=np.ones((4, 1, 2)),
    )


@pytest.mark.parametrize("thumbnails", [False, True])
def test_twins_have_all_pixels_in_common_however_they_are_stored(project, thumbnails):
    pictures, (twins,) = inspect_pictures(project, decode=True, thumbnails=thumbnails)
    assert "same picture as day1/c.bmp;" in str(twins)
    first, second, third, fourth = pictures.digests
    assert first == third
    assert len({first, second, fourth}) == 3
    assert pictures.sizes.tolist() == [[40, 60], [40, 60], [40, 60], [40, 61]]


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "webp", "gif", "tif"])
def test_an_image_that_lacks_its_end_is_found_without_thumbnails_too(project, tmp_path, kind):
    path = tmp_path / f"torn.{kind}"
    Image.fromarray(PIXELS).save(path)
    data = path.read_bytes()
    torn = replace(project, videos=("day1",), images=(path.name,), paths=(path,), xy=project.xy[:1])
    for left_out in (20, 40, 200):
        path.write_bytes(data[:-left_out])
        inspected = [inspect_pictures(torn, decode=True, thumbnails=whole) for whole in (False, True)]
        assert inspected[0][1] == inspected[1][1]
        assert inspected[0][0].sizes.tolist() == inspected[1][0].sizes.tolist()
    assert [problem.severity for problem in inspected[0][1]] == ["error"]


def test_a_palette_with_transparency_is_read_without_a_warning_of_pillow(project, tmp_path):
    path, image = tmp_path / "palette.png", Image.fromarray(PIXELS).convert("RGB").quantize(4)
    image.save(path, transparency=bytes([0, 9, 200, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_image(path), image.convert("RGB"))
