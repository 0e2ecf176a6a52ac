"""How the presence of each training frame changes the error (px) at every frame."""

from frameworth.figures import _matrix

table, draw = _matrix.signed_figure(
    "error",
    colours=_matrix.HARMS_RED,
    unit=" px",
    digits=1,
    label="change in error, with − without (px)\nhelps  ←   0   →  harms",
)
