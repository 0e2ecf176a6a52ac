"""Power: the chance that a number of networks detects the effect of a single frame, a group or a toggled group.

Numpy in, numpy out. Scores are means over held-out labels, so their noise between networks is close to normal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

SINGLE, GROUP, TOGGLE = "single frame, max-T", "group, random subsets", "group, toggled"
MOST_NETWORKS = 1_000_000


@dataclass(frozen=True)
class Pilot:
    """The noise in a pilot study, its pool, and the group of frames that is suspected.

    Attributes:
        pool: number of frames that may be trained on. group: number of frames that are suspected together.
        percent: size of the subsets, percent of the pool.
        network_variance: variance of the score of one network on a new subset of this size.
        member_variance: variance between networks of one subset. If no subset was trained twice, it is unknown. Then
            this is the network variance, its upper limit, and `member_known` is False.
        value_variance: variance of the true values of the frames outside the group.
        slope: change of the score per frame added.
        freedom: degrees of freedom behind `network_variance`.
    """

    pool: int
    group: int
    percent: int
    network_variance: float
    member_variance: float
    member_known: bool
    value_variance: float
    slope: float
    freedom: int


def standard_error(pilot: Pilot, networks: float) -> float:
    """Standard error of the size-centred difference of one frame, from `networks` subsets with one network each.

    Inclusion centred within the size has Σ(z − z̄)² = S f (1 − f), with f the share of the pool that is in a subset.
    """
    share = pilot.percent / 100
    return float(np.sqrt(pilot.network_variance / (networks * share * (1 - share))))


def power_single(pilot: Pilot, effect: float, networks: int, alpha: float) -> float:
    """Chance that max-T over the pool decides a frame whose relative value is `effect`.

    This compares a noncentral t with S − 2 degrees of freedom with Šidák's critical value, because statistics of frames
    are nearly independent.
    """
    freedom = networks - 2
    if freedom < 1:
        return 0.0
    each = -np.expm1(np.log1p(-alpha) / pilot.pool)
    critical = stats.t.isf(each / 2, freedom)
    return _two_sided(critical, freedom, effect / standard_error(pilot, networks))


def power_group(pilot: Pilot, effect: float, networks: int, alpha: float) -> float:
    """Chance that the relabelling test (one-sided) finds a group whose frames are each worse by `effect` than the rest.

    The difference of mean values has variance (SE² + σ_v²)(1/g + 1/(n − g)); under relabelling the shift itself
    widens the spread of the values, by effect² g (n − g)/n².
    """
    n, g = pilot.pool, pilot.group
    if not 0 < g < n:
        return 0.0
    weights = 1 / g + 1 / (n - g)
    spread = standard_error(pilot, networks) ** 2 + pilot.value_variance
    shifted = spread + effect**2 * g * (n - g) / n**2
    critical = stats.norm.isf(alpha) * np.sqrt(shifted * weights)
    return float(stats.norm.sf((critical - effect) / np.sqrt(spread * weights)))


def power_toggle(pilot: Pilot, effect: float, networks: int, alpha: float) -> float:
    """Chance that the paired t-test of networks/2 pairs finds that a group harms, toggled in and out of common bases.

    A pair's difference has the mean g ((n − 1)/n · effect + slope), which is the group's absolute effect, and twice the
    member variance. This is because both networks of a pair share their base, and the effect is taken to be the same on
    every base (`noise_limits` allows it to differ as much as it can). Frames that are worse than others
    may still help, where the usual frame helps (`slope`); then there is no harm to be found.
    """
    pairs = networks // 2
    if pairs < 2 or not pilot.group:
        return 0.0
    absolute = pilot.group * ((pilot.pool - 1) / pilot.pool * effect + pilot.slope)
    error = np.sqrt(2 * pilot.member_variance / pairs)
    return _above(stats.t.isf(alpha / 2, pairs - 1), pairs - 1, absolute / error)


def _two_sided(critical: float, freedom: int, shift: float) -> float:
    """Chance that a noncentral t is beyond ±critical."""
    return min(1.0, _above(critical, freedom, shift) + _above(critical, freedom, -shift))


def _above(critical: float, freedom: int, shift: float) -> float:
    """Chance that a noncentral t is above `critical`; Johnson and Welch's normal (1940) stands in for SciPy's NaN."""
    chance = stats.nct.sf(critical, freedom, shift)
    if not np.isfinite(chance):
        place = (shift - critical * (1 - 1 / (4 * freedom))) / np.sqrt(1 + critical**2 / (2 * freedom))
        chance = stats.norm.cdf(place)
    return float(chance)


METHODS: dict[str, Callable[[Pilot, float, int, float], float]] = {
    SINGLE: power_single,
    GROUP: power_group,
    TOGGLE: power_toggle,
}


def networks_needed(pilot: Pilot, method: str, effect: float, power: float, alpha: float) -> int | None:
    """The smallest number of networks that detects the effect with chance `power`; None beyond `MOST_NETWORKS`.

    For a group in random subsets, more networks help only until the frames' own differences are the only noise left.
    """
    reaches = METHODS[method]
    low, high = 2, 4
    while reaches(pilot, effect, high, alpha) < power:
        low, high = high, 2 * high
        if high > MOST_NETWORKS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(pilot, effect, middle, alpha) >= power else (middle, high)
    return high + high % 2 if method == TOGGLE else high


def noise_limits(pilot: Pilot, level: float) -> tuple[Pilot, Pilot]:
    """The pilot with the least noise, and with the most noise, that its few subsets allow (χ² interval).

    With the most noise, networks of a toggled pair share nothing: the effect may differ between bases as bases do.
    """
    tail = (1 - level) / 2
    least, most = (pilot.freedom / stats.chi2.ppf(end, pilot.freedom) for end in (1 - tail, tail))
    network = pilot.network_variance
    return (
        replace(pilot, network_variance=network * least, member_variance=pilot.member_variance * least),
        replace(pilot, network_variance=network * most, member_variance=network * most),
    )


def chance_of_any(pool: int, group: int, subset: int) -> float:
    """Chance that a random subset of `subset` of the pool's frames has at least one of the group (hypergeometric)."""
    return float(stats.hypergeom.sf(0, pool, group, subset))
