"""How subsets and ensembles are divided among jobs: nothing is left out, nothing is made twice."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameworth.plan.config import check_config
from frameworth.plan.grid import base_subsets, method_options
from frameworth.plan.jobs import ANY_SUBSET, runs_of, seeds_of, subset_jobs, training_jobs
from frameworth.plan.requests import GRID, requests

CONFIG = {
    "study": "jobs",
    "labels": "demo",
    "subsets": [
        {"design": "balanced", "percents": [50], "seeds": 5, "members": 1, "repeat": 2},
        {"design": "nested", "percents": [10, 70], "seeds": [2, 7], "members": [2, 1]},
    ],
    "arms": {"late": {"curriculum": "hard-first"}, "more": {"pseudo": {"confidence": 0.5}}},
    "toggle": {"pairs": 2, "parts": 1},
}


@pytest.fixture(scope="module")
def asked():
    return requests(check_config(CONFIG))


@given(st.sets(st.integers(1, 300), min_size=1))
def test_seeds_written_as_runs_are_read_as_they_were(seeds):
    assert seeds_of(runs_of(seeds)) == sorted(seeds)


def test_each_subset_of_the_grid_is_drawn_by_one_job_and_no_new_one_with_those_that_are_there(asked):
    there = {request.subset_file for request in asked if request.subset.seed <= 3}
    jobs = subset_jobs(asked, there.__contains__)
    drawn = [file for job in jobs for file in job.files]
    assert sorted(drawn) == sorted(request.subset_file for request in asked if request.part == GRID)
    assert len({job.name for job in jobs}) == len(jobs)
    assert all(len({file in there for file in job.files}) == 1 for job in jobs)


@pytest.mark.parametrize("per_job", [1, 3])
def test_each_ensemble_is_trained_by_one_rule_that_has_its_number_of_networks(asked, per_job):
    jobs = training_jobs(asked, per_job)
    assert len({job.name for job in jobs}) == len(jobs)
    for request in asked:
        makers = [job for job in jobs if job.folder == request.folder and makes(job, request.path)]
        assert [job.members for job in makers] == [request.subset.members]
        (job,) = makers
        path = request.path if job.paths == (ANY_SUBSET,) else None
        assert request in job.requests(path)
        assert len(job.requests(path)) <= per_job
        assert request.subset_file == f"{job.subsets}/{request.path}.json"


def makes(job, path):
    return path in job.paths or re.fullmatch(job.constraint, path) is not None


@pytest.mark.parametrize(("asked", "percent"), [({}, 50), ({"percent": 85}, 90)])
def test_a_method_asks_networks_of_the_size_that_is_nearest_to_the_one_it_names(asked, percent):
    subsets = [
        {"design": "balanced", "percents": [50], "seeds": 8, "members": 1},
        {"design": "nested", "percents": [10, 70, 90], "seeds": [11, 12, 13], "members": 1},
    ]
    config = check_config(CONFIG | {"subsets": subsets, "influence": {"warm": {"networks": 3} | asked}})
    assert [base.percent for base in base_subsets(config, "warm")] == [percent] * 3
    assert "percent" not in method_options(config, "warm")
