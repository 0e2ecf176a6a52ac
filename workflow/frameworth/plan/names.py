"""The names of subsets in tables and in paths."""

from collections.abc import Sequence


def subset_name(percent: int, seed: int) -> str:
    """The name of a subset in tables: `percent-050_seed-2`."""
    return f"percent-{percent:03d}_seed-{seed}"


def subset_path(percent: int, seed: int) -> str:
    """The name of a subset in paths: `percent-050/seed-2`."""
    return f"percent-{percent:03d}/seed-{seed}"


def toggle_sides(parts: int) -> list[str]:
    """The names of the sides of a toggle whose group is also divided into `parts` parts."""
    return ["without", "with", *(f"part-{number}" for number in range(1, parts + 1) if parts > 1)]


def prune_sets(counts: Sequence[int], draws: int) -> list[str]:
    """The names of the sets of frames that `prune` leaves out: `none`, `worst-4`, `best-4`, `random-4-1`…"""
    sets = [[f"worst-{count}", f"best-{count}", *(f"random-{count}-{draw}" for draw in range(1, draws + 1))]
            for count in counts]  # fmt: skip
    return ["none", *(name for names in sets for name in names)]
