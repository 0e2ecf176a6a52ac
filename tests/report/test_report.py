"""The report is one page that opens offline, shows text as text, and says what it leaves out."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from frameworth import report
from frameworth.answers.answer import sentences
from frameworth.answers.closing import answer, closing_lines
from frameworth.attribution.inference.values import out_of_bag_consensus
from frameworth.attribution.methods import method
from frameworth.errors import UserError
from frameworth.figures import figure_names
from frameworth.report.gallery import reason
from frameworth.report.matrix import matrix
from frameworth.report.packing import Packed, json_in_page, packed_positions, packed_signed, relative_precision
from frameworth.report.pictures import pictures
from frameworth.report.tables import readable_columns, trust_sentence
from frameworth.results.results import Results
from frameworth.storage.files import digest_of_json, write_csv
from frameworth.storage.hdf5 import read_attributes
from report_study import BREAKOUT, CONFIG, MARKUP, draw_grey_figures, page_of, with_hostile_names, write_reported_study

VOID = ("meta", "img", "link", "input", "image", "path")


class Parts(HTMLParser):
    """Tags in order, those left open, and the text inside each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def reported(folder: Path) -> Results:
    return write_reported_study(folder, frames=16, halves=8, ladder_seeds=0)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return reported(tmp_path_factory.mktemp("original") / "walk")


@pytest.fixture
def study(original: Results, tmp_path: Path) -> Results:
    """A copy, to be changed by one test; its images are the original's."""
    return Results(shutil.copytree(original.folder, tmp_path / "walk"), original.options)


def written(study: Results) -> str:
    return page_of(study).read_text()


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def decoded(packed: Packed) -> np.ndarray:
    """The numbers behind codes, as the page's script works them out."""
    codes = np.frombuffer(gzip.decompress(base64.b64decode(packed.text)), packed.kind).reshape(packed.shape)
    if "reach" in packed.codes:
        values = packed.codes["small"] * np.sinh(codes * packed.codes["reach"])
    else:
        values = packed.codes["low"] + packed.codes["step"] * codes
    return np.where(codes == packed.codes["missing"], np.nan, values)


def test_the_page_names_no_address_and_holds_all_pictures_itself(study: Results):
    page = written(study)
    assert not re.search(r"(https?:)?//\w", re.sub(r"base64,[\w+/=]*", "", without_scripts(page)))
    parts = Parts(page)
    assert not parts.open
    assert not parts.named("iframe", "object")
    assert all("src" not in script for script in parts.named("script"))
    shown = parts.named("img")
    assert len(shown) == len(figure_names(**study.options.figures.model_dump()))
    assert all(picture["src"].startswith("data:image/png;base64,") and picture["alt"] for picture in shown)
    drawn = parts.named("image")
    assert len(drawn) == len(study.summary["check_first"])
    assert all(picture["href"].startswith("data:image/jpeg;base64,") for picture in drawn)


def test_without_scripts_the_answer_comes_before_the_labels_to_check_the_table_and_the_figures(study: Results):
    page = without_scripts(written(study))
    places = [page.index(f'id="{part}"') for part in ("answer", "check", "table", "figures", "methods")]
    assert places == sorted(places)
    first = [f'id="check-{frame}"' for frame in study.summary["check_first"]]
    assert [page.index(text) for text in first] == sorted(page.index(text) for text in first)
    assert study.summary["statement"][0] in unescape(page)
    assert page.count("<tr><td>") == len(study.frame_values)
    by_suspicion = study.label_checks["frame"][study.label_checks["split"] == "pool"]
    assert re.findall(r"<tr><td>(\d+)<", page) == by_suspicion.astype(str).tolist()
    assert "<caption>Sorted by suspicion of the labels</caption>" in page


@pytest.mark.slow
def test_the_answer_says_what_the_toggled_group_does_as_on_the_terminal(study: Results):
    row = {"arm": "with", "pairs": 16, "difference": 0.2279, "standard_error": 0.0242, "t": 9.4, "p": 1e-7,
           "ci_low": 0.18, "ci_high": 0.28, "two_way_low": 0.1, "two_way_high": 0.3, "frames": "3 5 8"}  # fmt: skip
    write_csv(study.folder / "toggle.csv", pd.DataFrame([row]))
    sentence = f"Training with the 3 toggled frames raises the error by {4 * np.expm1(0.2279):.2g} px."
    toggled = CONFIG | {"toggle": {"pairs": 16}}
    assert sentence in closing_lines(study.folder, toggled, "mine.yaml")
    page = without_scripts(page_of(study, toggled).read_text())
    assert page.index('id="answer"') < page.index(sentence) < page.index('id="check"')
    assert "log(1 + px) over 16 pairs (t = 9.4): it harms." in page  # in the study's numbers
    # A table that was left by an earlier config says nothing of this one.
    assert sentence not in closing_lines(study.folder, CONFIG, "mine.yaml")
    assert sentence not in without_scripts(page_of(study).read_text())


@pytest.mark.slow
def test_named_frames_that_were_toggled_in_vain_leave_the_test_of_the_flagged_ones_in_the_answer(study: Results):
    row = {"arm": "with", "pairs": 16, "difference": 0.01, "standard_error": 0.02, "t": 0.5, "p": 0.6,
           "ci_low": -0.03, "ci_high": 0.05, "two_way_low": -0.1, "two_way_high": 0.1, "frames": "3 5 8"}  # fmt: skip
    write_csv(study.folder / "toggle.csv", pd.DataFrame([row]))
    named = CONFIG | {"toggle": {"pairs": 16, "frames": [3, 5, 8]}}
    assert closing_lines(study.folder, named, "mine.yaml")[:4] == closing_lines(study.folder, CONFIG, "mine.yaml")[:4]
    (study.folder / "toggle.csv").unlink()


@pytest.mark.slow
def test_flagged_frames_that_were_toggled_in_vain_leave_the_test_of_the_planted_ones_in_the_answer(study: Results):
    row = {"arm": "with", "pairs": 16, "difference": 0.01, "p": 0.6, "frames": "3 5", "two_way_low": -0.1,
           "two_way_high": 0.1}  # fmt: skip
    write_csv(study.folder / "toggle.csv", pd.DataFrame([row]))
    tested = study.summary | {"group_name": "planted", "group_size": 3, "group_test_p": 0.001}
    tested["statement"] = sentences(tested, 0.05)
    toggled = CONFIG | {"toggle": {"pairs": 16}}
    assert answer(study.folder, toggled, tested) == answer(study.folder, CONFIG, tested)


@pytest.mark.slow
def test_names_that_try_to_be_markup_stay_text(study: Results):
    usual = Parts(written(study))
    hostile = Parts(written(with_hostile_names(study)))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in usual.tags]
    assert not any("onerror" in attributes for _, attributes in hostile.tags)


def test_json_in_the_page_reads_back_as_it_was_and_holds_no_markup():
    value = {"name": BREAKOUT, "keypoints": [MARKUP, "<!--"], "missing": float("nan"), "number": np.float32(0.5)}
    text = str(json_in_page(value))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value | {"missing": None, "number": 0.5}


@pytest.mark.slow
def test_the_config_in_the_page_is_the_config_and_its_hash_and_digests_are_those_of_the_files(study: Results):
    page = written(with_hostile_names(study))
    shown = re.search(r'<pre id="config">(.*?)</pre>', page, re.DOTALL)[1]
    assert yaml.safe_load(shown) == CONFIG.model_dump()
    assert digest_of_json(CONFIG.model_dump()) in page
    for name in ("scores.h5", "influence.h5"):
        assert read_attributes(study.folder / name)["digest"] in page


@pytest.mark.slow
def test_labels_are_headlined_as_to_check_only_if_one_stands_out(study: Results):
    first = study.label_checks["rank"] == 1
    for flags, heading in ((first, "Check these labels first"), (False, "No label is flagged; these are the most")):
        write_csv(study.folder / "labels_to_check.csv", study.label_checks.assign(flagged=flags))
        assert f'<h2 id="check">{heading}' in written(Results(study.folder, study.options))


def test_a_missing_figure_image_or_prediction_is_named(tmp_path: Path):
    study = reported(tmp_path / "walk")
    figure = study.folder / "figures" / "memorization.png"
    content = figure.read_bytes()
    figure.unlink()
    with pytest.raises(UserError, match=r"memorization\.png"):
        page_of(study)
    figure.write_bytes(content)
    missing = study.folder / "ensembles" / "percent-050" / "seed-3" / "predictions.h5"
    missing.unlink()
    with pytest.raises(UserError, match=r"seed-3/predictions\.h5: there is no such file"):
        page_of(study)
    Path(study.labels.paths[5]).unlink()
    with pytest.raises(UserError, match=r"img005\.png: there is no such image"):
        page_of(study)


def test_a_lost_network_does_not_move_the_consensus_of_the_others(study: Results):
    frame = int(study.frame_values["frame"].iloc[0])
    poses = study.scores["consensus_pose"].copy()
    outside = np.flatnonzero(~study.inclusion[:, frame])
    poses[outside[0], frame], poses[study.inclusion[:, frame], frame] = 1e4, -1e4
    made = out_of_bag_consensus(poses, study.inclusion)[frame]
    np.testing.assert_allclose(made, np.median(poses[outside, frame].astype(float), axis=0))
    assert (made < 1000).all()


def test_a_frame_that_every_subset_holds_has_no_consensus_of_others(study: Results):
    assert np.isnan(out_of_bag_consensus(study.scores["consensus_pose"], np.ones_like(study.inclusion))).all()


@pytest.mark.parametrize(
    ("verdict", "interval", "words"),
    [
        ("check label", (-1, 1), "Look whether the label is right"),
        (
            "harmful",
            (0.1, 0.3),
            "Held-out loss is higher with it than without it: absolute value +0.05 −log(probability)",
        ),
        ("helpful", (0.1, 0.3), "Held-out loss is lower"),
        (
            "worse than average",
            (0.1, 0.3),
            "In place of an average frame it changes the held-out error by −3 px (−0.2 −log(probability)); given that "
            "it was called, its tested value is −0.3 to −0.1 −log(probability).",
        ),
        ("undecided", (-1, 1), "includes 0"),
        ("undecided", (0.1, 1), "number of frames"),
        ("undecided", (np.nan, np.nan), "no interval"),
    ],
)
def test_the_reason_says_what_the_verdict_rests_on(verdict: str, interval: tuple[float, float], words: str):
    row = {"out_of_bag_error": 21.0, "verdict": verdict, "ci_low": interval[0], "ci_high": interval[1], "value": -0.2}
    row |= {"called_ci_low": -0.3, "called_ci_high": -0.1, "tested_absolute_value": 0.05, "value_px": -3.0}
    text = reason(row, 3.5, "−log(probability)", "shifted")
    assert "Out-of-bag error 21.0 px, the mean over its keypoints, 6.0 times the median." in text
    assert words in text
    assert text.endswith("A label error was planted here: shifted.")


@pytest.mark.parametrize("bits", [8, 16])
def test_coded_numbers_keep_their_sign_their_gaps_and_their_relative_precision(bits: int):
    values = np.random.default_rng(0).standard_t(2, (20, 50)).astype(np.float32)
    values[3, 4], values[0, 0] = np.nan, 0
    coded = packed_signed("x", values, bits)
    read, size = decoded(coded), np.abs(values)
    np.testing.assert_array_equal(np.isnan(read), np.isnan(values))
    large = size > 4 * coded.codes["small"]
    assert (np.abs(read - values)[large] <= 1.1 * relative_precision(coded) * size[large]).all()
    assert relative_precision(coded) < (0.04 if bits == 8 else 2e-4)
    assert read[0, 0] == 0


def test_coded_numbers_that_are_all_missing_or_zero_stay_so():
    assert np.isnan(decoded(packed_signed("x", np.full(3, np.nan), 8))).all()
    assert (decoded(packed_signed("x", np.zeros(3), 8)) == 0).all()


def test_coded_positions_are_right_to_a_fiftieth_of_a_pixel_and_cut_only_far_outside():
    xy = np.array([[[0.0, 479.3], [639.9, np.nan]], [[-30.0, 5.0], [9e9, 0.0]]])
    read = decoded(packed_positions("x", xy, np.array([[640, 480], [640, 480]])))
    np.testing.assert_allclose(read[0], xy[0], atol=0.02)
    assert read[1] == pytest.approx(np.array([[-30, 5], [1280, 0]]), abs=0.02)


def test_the_matrix_gives_up_precision_then_scores_then_keypoints_then_frames(study: Results):
    pool = study.frame_values["frame"].tolist()
    cells = len(pool) * len(study.pool) * 2 * 4 // 3
    keypoints = len(study.labels.keypoints)
    whole = matrix(study, pool, 2 * 5 * keypoints * cells)
    assert (len(whole.data["scores"]), whole.arrays[0].kind, whole.left_out) == (5, "int16", [])
    value = study.influence("error", "size-centred")["value"]
    np.testing.assert_allclose(decoded(whole.arrays[0]), np.moveaxis(value[pool], 2, 0), rtol=2e-4, atol=3e-5)
    coarser = matrix(study, pool, 5 * keypoints * cells)
    assert (len(coarser.data["scores"]), coarser.arrays[0].kind) == (5, "int8")
    assert len(matrix(study, pool, keypoints * cells).data["scores"]) == 1
    assert not matrix(study, pool, cells).data["keypoints"]
    half = matrix(study, pool, cells // 2)
    assert half.data["rows"] == pool[: len(pool) // 2]
    assert f"the first {len(pool) // 2} of {len(pool)} training frames" in half.left_out[-1]


def test_pictures_shrink_before_frames_go_without(study: Results):
    paths = study.labels.paths
    large = pictures(paths, [], 10**9)
    assert (large.side, large.left_out) == (800, 0)
    some = pictures(paths, [9, 3], sum(map(len, large.jpegs)) // 3)
    assert some.side == 160
    assert some.jpegs[9]
    assert some.jpegs[3]
    assert 0 < some.left_out < len(paths)


@pytest.mark.slow
def test_what_does_not_fit_is_said(study: Results, monkeypatch: pytest.MonkeyPatch):
    draw_grey_figures(study)
    assert 'id="left-out"' not in written(study)
    monkeypatch.setattr(report, "BUDGETS", {"page": 0, "pictures": 20_000, "matrix": 1500, "detections": 4000})
    left_out = re.search(r'id="left-out">(.*?)</p>', written(study), re.DOTALL)[1]
    for words in ("frames have no picture", "rounded to about", "error in px only", "mean over keypoints only",
                  "of the 8 subsets", "the figure memorization is in the figures folder only"):  # fmt: skip
        assert words in left_out


def test_what_a_method_says_in_millionths_is_reported_in_millionths_and_not_as_nothing():
    chosen = method("metagradient")
    values = pd.DataFrame({"metagradient_value": [5.4e-6, -2e-5, np.nan], "metagradient_se": [1e-6, 2e-6, np.nan]})
    table, units = readable_columns(values.assign(value_px=1e-6), [chosen])
    assert table["metagradient_value"].tolist()[:2] == pytest.approx([5.4, -20])
    assert table["metagradient_se"].tolist()[:2] == pytest.approx([1, 2])
    assert units["metagradient_value"] == units["metagradient_se"] == "× 10⁻⁶"
    large, units = readable_columns(1e4 * values, [chosen])
    assert large["metagradient_value"][1] == pytest.approx(-0.2)
    assert "metagradient_value" not in units


@pytest.mark.parametrize(("p", "words"), [(0.02, "The frames’ values predict"), (0.2, "are not shown to predict")])
def test_whether_values_can_be_trusted_is_said_in_a_sentence_about_the_studys_own_estimator(p: float, words: str):
    rows = [("lds", "regression", 0.47, p, -0.3, 0.39), ("lds", "shapley", 0.9, np.nan, np.nan, np.nan)]
    table = pd.DataFrame(rows, columns=["quantity", "method", "value", "p", "chance_low", "chance_high"])
    sentence = trust_sentence(table, "regression", 0.05)
    assert words in sentence
    assert "+0.47" in sentence
    assert f"(one-sided p = {p})" in sentence
    assert trust_sentence(table, "shapley", 0.05) == ""
