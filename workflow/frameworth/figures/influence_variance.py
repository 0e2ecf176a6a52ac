"""How the presence of each training frame changes the spread of the error (px²) between subsets, at every frame."""

from frameworth.figures import _matrix

table, draw = _matrix.signed_figure(
    "variance",
    colours=_matrix.HARMS_RED,
    unit=" px²",
    digits=1,
    label="change in the variance of the error, with − without (px²)\nsteadies  ←   0   →  unsettles",
    squash=True,
)
