"""The names of subsets in tables and in paths."""


def subset_name(percent: int, seed: int) -> str:
    """In tables: `percent-050_seed-2`."""
    return f"percent-{percent:03d}_seed-{seed}"


def subset_path(percent: int, seed: int) -> str:
    """In paths: `percent-050/seed-2`."""
    return f"percent-{percent:03d}/seed-{seed}"
