"""Intervals by resampling."""

import numpy as np

from frameworth.attribution.inference.resampling import resampled_clusters


def test_clusters_are_resampled_whole():
    clusters = np.array(["a", "a", "b", "c", "c", "c"])
    rows = resampled_clusters(clusters, np.random.default_rng(0))
    assert len(set(clusters[rows])) <= 3
    for name, count in zip(*np.unique(clusters[rows], return_counts=True), strict=True):
        assert count % (clusters == name).sum() == 0
