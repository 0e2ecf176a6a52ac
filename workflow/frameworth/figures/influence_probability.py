"""How the presence of each training frame changes the probability at the label of every frame."""

from frameworth.figures import _matrix

table, draw = _matrix.signed_figure(
    "probability",
    colours=_matrix.HELPS_BLUE,
    unit="",
    digits=4,
    label="change in probability, with − without (of 1 over the map)\nharms  ←   0   →  helps",
)
