"""How the presence of each training frame changes the confidence (of 1) at the label of every frame."""

from frameworth.figures import _matrix

table, draw = _matrix.signed_figure(
    "confidence",
    colours=_matrix.HELPS_BLUE,
    unit="",
    digits=3,
    label="change in confidence, with − without (of 1)\nharms  ←   0   →  helps",
)
