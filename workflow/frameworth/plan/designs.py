"""Subset designs: which frames of the pool each subset contains. Numpy in, numpy out.

A subset is identified by (percent, seed). Adding seeds or percents never changes the subsets already drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations

import numpy as np

DESIGNS = ("balanced", "nested", "independent", "paired")
# Balanced designs: the effort of the search. Larger numbers hardly lower the correlations further.
_SWEEPS = 6
_CANDIDATES = 8
_ROWS_REMEMBERED = 256


def subset_size(percent: int, pool: int) -> int:
    """Number of frames in a subset of `percent` of `pool` frames: rounded half up, at least 1."""
    return max(1, (2 * percent * pool + 100) // 200)


def main_percent(percents: np.ndarray) -> int:
    """The percent that most subsets have; of several such percents the largest, as its networks have learned most."""
    names, counts = np.unique(percents, return_counts=True)
    return int(names[counts == counts.max()].max())


def draw_subset(design: str, pool: int, percent: int, seed: int, study_seed: int) -> np.ndarray:
    """The subset (percent, seed) of a pool of `pool` frames, as bool [pool].

    Args:
        design: `balanced`, `nested`, `independent` or `paired`.
        percent: 1…100.
        seed: at least 1 for `balanced` (where it is the number of the row) and for `paired`.
        study_seed: the study's own seed.
    """
    return _DRAW[design](pool, percent, seed, study_seed)


def cluster_of(design: str, percent: int, seed: int) -> str:
    """The name of the cluster that a subset belongs to; subsets in different clusters are independent.

    In a nested design a cluster is a seed, in a paired design a pair; in other designs it is the subset itself.
    """
    if design == "nested":
        return f"nested_seed-{seed}"
    if design == "paired":
        return f"paired_seed-{_pair(percent, seed)}" + ("_percent-050" if percent == 50 else "")
    return f"{design}_percent-{percent:03d}_seed-{seed}"


def _nested(pool: int, percent: int, seed: int, study_seed: int) -> np.ndarray:
    order = _generator("nested", study_seed, seed).permutation(pool)
    return _as_mask(order[: subset_size(percent, pool)], pool)


def _independent(pool: int, percent: int, seed: int, study_seed: int) -> np.ndarray:
    order = _generator("independent", study_seed, percent, seed).permutation(pool)
    return _as_mask(order[: subset_size(percent, pool)], pool)


def _paired(pool: int, percent: int, seed: int, study_seed: int) -> np.ndarray:
    """The two subsets of a pair are complements, so above 50 % the size is the pool's minus the partner's."""
    order = _generator("paired", study_seed, min(percent, 100 - percent), _pair(percent, seed)).permutation(pool)
    first = _as_mask(order[: subset_size(min(percent, 100 - percent), pool)], pool)
    is_second = seed % 2 == 0 if percent == 50 else percent > 50
    return ~first if is_second else first


def _pair(percent: int, seed: int) -> int:
    return (seed + 1) // 2 if percent == 50 else seed


def _balanced(pool: int, percent: int, seed: int, study_seed: int) -> np.ndarray:
    return balanced_rows(pool, percent, seed, study_seed)[-1]


def balanced_rows(pool: int, percent: int, rows: int, study_seed: int) -> np.ndarray:
    """The first `rows` subsets of a balanced design, bool [rows, pool].

    Rows are drawn in blocks (of 8 to 12, see `balanced_block`). At the end of each block, the numbers of subsets
    that contain each frame differ by at most one. Then frames are exchanged between the rows of the block, without
    changing these numbers, while this lowers the correlation of the rows with each other and with the last rows
    before the block. As ‖ZᵀZ‖ = ‖ZZᵀ‖, this also makes the inclusions of different frames least correlated, and
    keeps rows from being complements of each other. A block depends only on the blocks before it, so a longer
    design begins with the shorter one.
    """
    blocks = -(-rows // balanced_block(percent))
    return _balanced_blocks(pool, percent, blocks, study_seed)[:rows].copy()


@lru_cache(maxsize=8)
def _blocks_so_far(pool: int, percent: int, study_seed: int) -> list[np.ndarray]:
    """The list of blocks drawn so far, kept between calls because a study asks for the rows one by one."""
    return []


def _balanced_blocks(pool: int, percent: int, blocks: int, study_seed: int) -> np.ndarray:
    """The rows of the first `blocks` blocks, bool [rows, pool]."""
    drawn = _blocks_so_far(pool, percent, study_seed)
    size, rows = subset_size(percent, pool), balanced_block(percent)
    counts = sum((block.sum(axis=0) for block in drawn), start=np.zeros(pool, int))
    remembered = -(-_ROWS_REMEMBERED // rows)
    while len(drawn) < blocks:
        rng = _generator("balanced", study_seed, percent, len(drawn) * rows)
        new = _balanced_block(counts, rows, size, rng)
        before = np.vstack([np.zeros((0, pool), bool), *drawn[-remembered:]])[-_ROWS_REMEMBERED:]
        drawn.append(_decorrelate(new, before, size / pool))
        counts = counts + drawn[-1].sum(axis=0)
    return np.vstack([np.zeros((0, pool), bool), *drawn[:blocks]])


def balanced_block(percent: int) -> int:
    """Rows in a block of a balanced design: the n from 8 to 12 for which n · percent / 100 is nearest to an integer."""
    return min(range(8, 13), key=lambda rows: (abs(rows * percent / 100 - round(rows * percent / 100)), rows))


def _balanced_block(counts: np.ndarray, block: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of `size` frames, bool [block, pool]; with them added, all `counts` differ by at most one."""
    share, extra = divmod(int(counts.sum()) + block * size, len(counts))
    target = np.full(len(counts), share)
    target[np.lexsort((rng.random(len(counts)), counts))[:extra]] += 1
    owed = target - counts
    rows = np.zeros((block, len(counts)), bool)
    for row in range(block):
        rows_left = block - row
        # A frame that is owed in all remaining rows is taken; others are drawn in proportion to the rows they are owed
        # (Efraimidis and Spirakis 2006). So no frame is ever owed more rows than remain.
        with np.errstate(divide="ignore"):
            keys = np.log(rng.random(len(owed))) / np.maximum(owed, 0)
        keys[owed == rows_left] = np.inf
        rows[row, np.argsort(-keys, kind="stable")[:size]] = True
        owed = owed - rows[row]
    return rows


def _decorrelate(rows: np.ndarray, before: np.ndarray, share: float) -> np.ndarray:
    """Exchange frames between pairs of `rows` while this lowers correlation; row sizes and frame counts stay.

    With K the Gram matrix of the centred rows, exchanging frames i (in row a, not b) and j (in b, not a)
    changes Σ K² by 4 Σ_r [d_r (K_ar − K_br) + d_r²], d_r = z_rj − z_ri, over the other rows r.
    """
    every = np.vstack([before, rows]).astype(float)
    first, centred = len(before), every - share
    gram = centred @ (every - share).T  # two arrays, as BLAS rounds the product of one array with itself differently
    for _ in range(_SWEEPS):
        improved = False
        for a, b in combinations(range(first, len(every)), 2):
            while (pair := _best_exchange(every, gram, a, b)) is not None:
                every[[a, b], pair[0]] = every[[b, a], pair[0]]
                every[[a, b], pair[1]] = every[[b, a], pair[1]]
                centred[[a, b]] = every[[a, b]] - share
                for row in (a, b):
                    gram[row] = gram[:, row] = centred @ centred[row]
                improved = True
        if not improved:
            break
    return every[first:].astype(bool)


def _best_exchange(every: np.ndarray, gram: np.ndarray, a: int, b: int) -> tuple[int, int] | None:
    difference = gram[a] - gram[b]
    difference[[a, b]] = 0
    slope = difference @ every
    leaving = np.flatnonzero(every[a] > every[b])
    entering = np.flatnonzero(every[b] > every[a])
    leaving = leaving[np.argsort(-slope[leaving], kind="stable")[:_CANDIDATES]]
    entering = entering[np.argsort(slope[entering], kind="stable")[:_CANDIDATES]]
    if not len(leaving) or not len(entering):
        return None
    # The rows' values are 0 and 1, so |difference| is d_r² of `_decorrelate`; rows a and b are left out of its sum.
    apart = np.abs(every[:, leaving][:, :, None] - every[:, entering][:, None, :])
    apart[[a, b]] = 0
    distance = apart.sum(axis=0)
    change = slope[entering][None, :] - slope[leaving][:, None] + distance
    best = np.unravel_index(change.argmin(), change.shape)
    if change[best] >= -1e-9:
        return None
    return int(leaving[best[0]]), int(entering[best[1]])


def _as_mask(indices: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[indices] = True
    return mask


def _generator(design: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([DESIGNS.index(design), *numbers])


_DRAW: dict[str, Callable[[int, int, int, int], np.ndarray]] = {
    "balanced": _balanced,
    "nested": _nested,
    "independent": _independent,
    "paired": _paired,
}
