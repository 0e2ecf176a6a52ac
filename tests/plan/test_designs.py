"""Subset designs: sizes, nesting, pairing, balance, and what a new seed does not change."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frameworth.plan import designs
from frameworth.plan.designs import balanced_block, balanced_rows, cluster_of, draw_subset, subset_size

SMALL = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("percent", "pool", "size"),
    [(50, 63, 32), (10, 63, 6), (30, 5, 2), (10, 4, 1), (90, 10, 9), (10, 25, 3), (1, 10, 1)],
)
def test_sizes_are_rounded_half_up_and_never_zero(percent, pool, size):
    assert subset_size(percent, pool) == size


@given(pool=st.integers(4, 80), seed=st.integers(1, 9999), study=st.integers(0, 99))
@SMALL
def test_nested_subsets_of_a_seed_contain_each_other(pool, seed, study):
    drawn = [draw_subset("nested", pool, percent, seed, study) for percent in (10, 30, 70, 90)]
    for smaller, larger in pairwise(drawn):
        assert not (smaller & ~larger).any()
        assert smaller.sum() <= larger.sum()


@given(pool=st.integers(4, 80), seed=st.integers(1, 500), study=st.integers(0, 99), percent=st.integers(5, 50))
@SMALL
def test_paired_subsets_are_complements_and_of_one_cluster(pool, seed, study, percent):
    if percent == 50:
        first, second = (50, 2 * seed - 1), (50, 2 * seed)
    else:
        first, second = (percent, seed), (100 - percent, seed)
    a, b = (draw_subset("paired", pool, *place, study) for place in (first, second))
    assert (a ^ b).all()
    assert cluster_of("paired", *first) == cluster_of("paired", *second)


@given(pool=st.integers(4, 60), percent=st.sampled_from([10, 25, 30, 33, 50, 70, 90]), study=st.integers(0, 99))
@SMALL
def test_balanced_frames_are_drawn_equally_often_at_the_end_of_each_block(pool, percent, study):
    block = balanced_block(percent)
    rows = balanced_rows(pool, percent, 3 * block, study)
    for blocks in (1, 2, 3):
        counts = rows[: blocks * block].sum(axis=0)
        assert counts.max() - counts.min() <= 1


@given(
    design=st.sampled_from(["balanced", "nested", "independent", "paired"]),
    pool=st.integers(4, 60),
    percent=st.sampled_from([10, 30, 50, 70, 90]),
    seed=st.integers(1, 30),
)
@SMALL
def test_subsets_have_their_size_and_are_drawn_the_same_again(design, pool, percent, seed):
    drawn = draw_subset(design, pool, percent, seed, 1)
    if design != "paired" or percent < 50:
        assert drawn.sum() == subset_size(percent, pool)
    assert np.array_equal(drawn, draw_subset(design, pool, percent, seed, 1))


def test_a_longer_balanced_design_begins_with_the_shorter_one():
    longer = balanced_rows(63, 50, 40, 1)
    for rows in (1, 5, 8, 13, 24):
        assert np.array_equal(balanced_rows(63, 50, rows, 1), longer[:rows])


@pytest.mark.parametrize(("rows", "better_than"), [(24, 0.95), (48, 0.75), (96, 0.6)])
def test_inclusions_of_a_balanced_design_correlate_less_than_independent_ones(rows, better_than):
    def correlation(inclusion):
        matrix = np.corrcoef(inclusion.T.astype(float))
        return np.sqrt((matrix[~np.eye(len(matrix), dtype=bool)] ** 2).mean())

    independent = [[draw_subset("independent", 63, 50, seed, s) for seed in range(1, rows + 1)] for s in range(5)]
    assert correlation(balanced_rows(63, 50, rows, 1)) < better_than * np.mean(
        [correlation(np.array(drawn)) for drawn in independent]
    )


def test_rows_of_a_balanced_design_are_not_each_others_complements():
    rows = np.corrcoef(balanced_rows(64, 50, 32, 1).astype(float))
    assert rows[~np.eye(32, dtype=bool)].min() > -0.5


def test_independent_subsets_of_one_seed_are_not_nested():
    small, large = (draw_subset("independent", 60, percent, 1, 1) for percent in (30, 70))
    assert (small & ~large).any()


def test_different_study_seeds_draw_different_subsets():
    for design in ("balanced", "nested", "independent", "paired"):
        assert not np.array_equal(draw_subset(design, 60, 50, 1, 1), draw_subset(design, 60, 50, 1, 2))


def plainly_decorrelated(rows, before, share):
    """What `_decorrelate` does, with all of it computed anew at each exchange."""
    every = np.vstack([before, rows]).astype(float)
    gram = (every - share) @ (every - share).T
    for _ in range(designs._SWEEPS):
        improved = False
        for a, b in combinations(range(len(before), len(every)), 2):
            while True:
                difference = gram[a] - gram[b]
                difference[[a, b]] = 0
                slope = difference @ every
                leaving, entering = np.flatnonzero(every[a] > every[b]), np.flatnonzero(every[b] > every[a])
                leaving = leaving[np.argsort(-slope[leaving], kind="stable")[: designs._CANDIDATES]]
                entering = entering[np.argsort(slope[entering], kind="stable")[: designs._CANDIDATES]]
                others = np.delete(every, [a, b], axis=0)
                distance = ((others[:, leaving][:, :, None] - others[:, entering][:, None, :]) ** 2).sum(axis=0)
                change = slope[entering][None, :] - slope[leaving][:, None] + distance
                if not change.size or change.min() >= -1e-9:
                    break
                at = np.unravel_index(change.argmin(), change.shape)
                for frame in (leaving[at[0]], entering[at[1]]):
                    every[[a, b], frame] = every[[b, a], frame]
                for row in (a, b):
                    gram[row] = gram[:, row] = (every - share) @ (every[row] - share)
                improved = True
        if not improved:
            break
    return every[len(before) :].astype(bool)


@pytest.mark.parametrize(("pool", "percent", "rows"), [(63, 50, 24), (87, 50, 30), (41, 30, 30), (50, 70, 22)])
def test_the_fast_search_draws_what_the_plain_one_draws(monkeypatch, pool, percent, rows):
    """To the last frame: networks are known by the frames they saw, and would all be trained anew."""
    fast = balanced_rows(pool, percent, rows, 5)
    monkeypatch.setattr(designs, "_decorrelate", plainly_decorrelated)
    designs._blocks_so_far.cache_clear()
    assert np.array_equal(balanced_rows(pool, percent, rows, 5), fast)
    designs._blocks_so_far.cache_clear()
