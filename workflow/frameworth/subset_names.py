"""The names of subsets in tables and in paths."""


def subset_name(percent: int, seed: int) -> str:
    """In tables: `percent-050_seed-2`."""
    return f"percent-{percent:03d}_seed-{seed}"


def subset_path(percent: int, seed: int) -> str:
    """In paths: `percent-050/seed-2`."""
    return f"percent-{percent:03d}/seed-{seed}"


def toggle_arms(parts: int) -> list[str]:
    """The names of the arms of a toggled group that is also taken in `parts` parts."""
    return ["without", "with", *(f"part-{number}" for number in range(1, parts + 1) if parts > 1)]
