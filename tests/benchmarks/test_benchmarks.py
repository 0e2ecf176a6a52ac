"""The benchmark scripts run, at sizes too small to measure anything."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import estimators, verdicts
from conftest import REPOSITORY


def run(module, *arguments, folder):
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'workflow'}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.long
def test_the_gpu_benchmark_runs_all_its_ways_on_a_cpu(tmp_path):
    printed = run("gpu", "--tiny", "--steps", "8", "--at-once", "2", folder=tmp_path)
    results = json.loads((tmp_path / "results/benchmarks/gpu.json").read_text())
    assert [row["variant"] for row in results["variants"]] == ["stock", "float32", "bfloat16", "bfloat16 × 2"]
    assert all(row["images_per_second"] > 0 for row in results["variants"])
    assert "bfloat16 × 2" in printed


@pytest.mark.long
def test_the_stages_after_training_run_at_a_small_size(tmp_path):
    run("scale", "--subsets", "40", "--frames", "20", "--keypoints", "3", folder=tmp_path)
    stages = json.loads((tmp_path / "results/benchmarks/scale.json").read_text())["stages"]
    assert {"scores", "influence", "frame values", "report"} <= stages.keys()


@pytest.mark.long
def test_frameworth_is_four_times_as_fast_as_deeplabcut_as_scripted_and_learns_as_well(tmp_path):
    run("speed", "--rounds", "1", "--networks", "12", folder=tmp_path)
    results = json.loads((tmp_path / "results/benchmarks/speed.json").read_text())
    assert results["frameworth_to_stock"]["networks_per_hour"] >= 4
    assert results["frameworth_to_stock_parallel"]["networks_per_hour"] >= 2
    assert results["frameworth"]["samples_per_second"] >= results["floor"]["samples_per_second"] / 1.25
    assert results["frameworth_to_stock_parallel"]["log_rmse_interval"][0] <= 0


def test_intervals_cover_the_truth_where_the_pooled_difference_fails():
    """Studies with 16 clusters whose error falls with size (all settings: make benchmark-estimators)."""
    nested = estimators.coverage("nested", "additive", 2.0, 16, 100)
    assert 0.93 <= nested["size_centred"] <= 0.97
    assert 0.90 <= nested["size_centred_strongest"] <= 0.99
    assert nested["pooled"] < 0.85


@pytest.mark.parametrize("situation", ["no effect", "a strong frame", "falling error"])
def test_few_studies_without_an_effect_call_any_frame(situation):
    rates = estimators.false_positives("balanced", situation, 20, 60, 59)
    assert rates["single"] <= 0.08
    assert rates["family_wise"] <= 0.13  # 5 % of 60 studies are 3; 8 or more come by chance 1 time in 100


def test_regression_ranks_at_least_as_well_and_both_beat_the_pooled_difference_on_mixed_sizes():
    names = ("difference-of-means", "size-centred", "regression")
    quiet = estimators.correlations([("balanced", (50,), 60)], 60, "additive", 4.0, 20, names)
    assert quiet["regression"] >= quiet["size-centred"] + 0.05
    mixed = estimators.correlations([("nested", estimators.LADDER, 15)], 60, "additive", 4.0, 20, names)
    assert min(mixed["regression"], mixed["size-centred"]) >= mixed["difference-of-means"] + 0.05


def test_few_studies_of_what_init_writes_call_a_frame_wrongly():
    for row in verdicts.measure("24 balanced halves, 3 ladders", 30, 99, ("no effects", "skewed")):
        assert row["wrong"] <= 6, row  # 5 % of 30 studies are 1.5; 7 or more come by chance 1 time in 1,500


@pytest.mark.long
@pytest.mark.parametrize("design", verdicts.DESIGNS)
def test_a_frame_is_called_wrongly_in_one_of_twenty_studies_and_nine_in_ten_intervals_of_called_ones_hold(design):
    """With normal and skewed scores, with errors that fall with size, and beside two frames that matter."""
    rows = verdicts.measure(design, 300)
    for row in rows:
        assert row["wrong"] <= 26, row  # 5 % and three standard errors
    called, covered = rows[-1]["called"], rows[-1]["held"]
    assert covered / called > 0.90 - 2 * np.sqrt(0.09 / called)
