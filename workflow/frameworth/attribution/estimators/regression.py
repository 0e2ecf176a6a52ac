"""Ridge regression of the scores on inclusion, with its penalty by REML; sizes and own inclusion are unpenalised."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.sample import (
    Estimate,
    Sample,
    centred,
    decidable,
    in_portions,
    precisions,
    scale_of,
)

_PENALTIES = np.logspace(-3, 4, 29)  # relative to the mean squared singular value
_SHARED_NOISE = (0.0, 0.25, 1.0, 4.0)  # variance shared within a cluster, divided by the variance of a row's own noise


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """Best linear unbiased prediction of additive frame effects.

    u_s = μ_p + z_sj·γ + Σ_i z_si b_i + (c_cluster + e)/√w_p, with b_i ~ N(0, σ_b²), c ~ N(0, σ_c²), e ~ N(0, σ_e²);
    The means μ_p of the sizes and, for a target that is training frame j, its own inclusion are fixed effects. w_p are
    the precisions of the percents' scores (see `precisions`). σ_e²/σ_b² is the ridge penalty. It and σ_c²/σ_e² (0 where
    clusters are single subsets) maximise the restricted likelihood of each target (Patterson and Thompson 1971).
    value = n/(n−1)·b̂, shrunk towards zero. Assumes effects that add up; otherwise it is the best additive
    approximation (datamodels, Ilyas et al. 2022, arXiv 2202.00622). It ranks better than the size-centred difference
    where noise is small. But it is biased, and it has no confidence interval.
    Cost: O(S·N² + N³ + S·N·T).

    Returns an Estimate [N, T] whose standard errors are NaN; NaN values for frames in every or in no subset.
    """
    percents, clusters = sample.percents, sample.clusters
    value, counted = sample.unknown(), 0
    roots = precisions(sample.scores, percents, clusters)
    for rows, columns, varies in decidable(sample):
        counted = max(counted, len(np.unique(clusters[rows])))
        model = _Model(sample.inclusion[rows][:, varies], percents[rows], clusters[rows], roots[rows])
        place = np.full(len(varies) + 1, -1)  # the last entry is for self_frame −1
        place[:-1][varies] = np.arange(np.count_nonzero(varies))
        for some in in_portions(columns):
            u = sample.scores[np.ix_(rows, some)].astype(float) * roots[rows, None]
            value[np.ix_(varies, some)] = model.values(u, place[sample.frame_of_target[some]])
    return Estimate(value, sample.unknown(), counted, own_errors=False)


class _Whitened:
    """The model at one ratio of shared to own noise, decomposed after rows are whitened and size means removed."""

    def __init__(self, z: np.ndarray, percents: np.ndarray, clusters: np.ndarray, ratio: float) -> None:
        _, self._which, counts = np.unique(clusters, return_inverse=True, return_counts=True)
        # (I + ρ 11ᵀ)^−½ = I − c 11ᵀ within a cluster of m rows, c = (1 − 1/√(1 + mρ)) / m.
        self._shift = ((1 - 1 / np.sqrt(1 + counts * ratio)) / counts)[self._which][:, None]
        self._counts = len(counts)
        means = self._white((percents[:, None] == np.unique(percents)).astype(float))
        self._means, triangle = np.linalg.qr(means)
        self.constant = np.log1p(counts * ratio).sum() + 2 * np.log(np.abs(np.diag(triangle))).sum()
        self._z = self._projected(z)
        squared, self.right = np.linalg.eigh(self._z.T @ self._z)
        kept = squared > 1e-9 * squared[-1]
        self.squared, self.right = squared[kept], self.right[:, kept]
        self.freedom = len(z) - means.shape[1]

    def _white(self, values: np.ndarray) -> np.ndarray:
        if not self._shift.any():
            return values
        sums = np.zeros((self._counts, values.shape[1]))
        np.add.at(sums, self._which, values)
        return values - self._shift * sums[self._which]

    def _projected(self, values: np.ndarray) -> np.ndarray:
        white = self._white(values)
        return white - self._means @ (self._means.T @ white)

    def coordinates(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates [r, t] of scores [S, t] along the left singular vectors, and the squares outside these [t]."""
        projected = self._projected(u)
        along = (self.right.T @ (self._z.T @ projected)) / np.sqrt(self.squared)[:, None]
        return along, np.maximum((projected**2).sum(axis=0) - (along**2).sum(axis=0), 0)


class _Model:
    def __init__(self, inclusion: np.ndarray, percents: np.ndarray, clusters: np.ndarray, roots: np.ndarray) -> None:
        z = centred(inclusion, percents) * roots[:, None]
        single = len(np.unique(clusters)) == len(clusters)
        self._fits = [_Whitened(z, percents, clusters, ratio) for ratio in _SHARED_NOISE[: 1 if single else None]]
        self._frames = inclusion.shape[1]

    def values(self, u: np.ndarray, own_frame: np.ndarray) -> np.ndarray:
        """Values [n, t] for scores [S, t] whose own frames are `own_frame` [t], −1 for none."""
        best = np.full(u.shape[1], np.inf)
        value = np.zeros((self._frames, u.shape[1]))
        has_own = own_frame >= 0
        for fit in self._fits:
            along, outside = fit.coordinates(u)
            # The inclusion of the target's own frame along the same vectors; zero where the target has none.
            x = np.where(has_own, np.sqrt(fit.squared)[:, None] * fit.right[own_frame].T, 0)
            criterion, penalty = _best_penalty(fit, along, outside, x, has_own)
            better = criterion < best
            if not better.any():
                continue
            best[better] = criterion[better]
            value[:, better] = self._predicted(fit, along[:, better], x[:, better], penalty[better], own_frame[better])
        return value

    def _predicted(
        self, fit: _Whitened, along: np.ndarray, x: np.ndarray, penalty: np.ndarray, own_frame: np.ndarray
    ) -> np.ndarray:
        weight = 1 / (fit.squared[:, None] + penalty)
        has_own = own_frame >= 0
        square = (x * x * weight).sum(axis=0)
        slope = np.where(has_own, (x * along * weight).sum(axis=0) / np.where(has_own, square, 1), 0)
        effects = fit.right @ (np.sqrt(fit.squared)[:, None] * weight * (along - x * slope))
        effects *= np.where(has_own, scale_of(self._frames, True), scale_of(self._frames, False))
        targets = np.flatnonzero(has_own)
        effects[own_frame[targets], targets] = slope[targets]
        return effects


def _best_penalty(
    fit: _Whitened, along: np.ndarray, outside: np.ndarray, x: np.ndarray, has_own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """−2 · restricted log likelihood at its best penalty, and that penalty, both [t], by a grid and a parabola."""
    penalties = _PENALTIES * fit.squared.mean()
    weights = 1 / (fit.squared[:, None] + penalties)
    rank, freedom = len(fit.squared), fit.freedom
    quadratic = (along**2).T @ weights + outside[:, None] / penalties
    determinant = -np.log(weights).sum(axis=0) + (freedom - rank) * np.log(penalties)
    own_square = np.where(has_own[:, None], (x**2).T @ weights, 1)
    quadratic -= ((x * along).T @ weights) ** 2 / own_square
    left = (freedom - has_own)[:, None]
    tiny = np.finfo(float).tiny
    criterion = left * np.log(np.maximum(quadratic, tiny)) + determinant + np.log(own_square) + fit.constant
    index = criterion.argmin(axis=1)
    inner = np.clip(index, 1, len(penalties) - 2)
    rows = np.arange(len(criterion))
    before, at, after = (criterion[rows, inner + step] for step in (-1, 0, 1))
    curvature = before - 2 * at + after
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(curvature > 0, 0.5 * (before - after) / curvature, 0)
    at_end = index != inner
    step = np.log(_PENALTIES[1] / _PENALTIES[0])
    refined = penalties[inner] * np.exp(np.clip(shift, -1, 1) * step)
    return criterion[rows, index], np.where(at_end, penalties[index], refined)
