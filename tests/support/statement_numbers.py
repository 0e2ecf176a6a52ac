"""Numbers of a study from which the answer is written, and variations of them."""

from __future__ import annotations

from typing import Any

import numpy as np

HELPED = {"frames": 60, "error_px": 4.0, "change_px": -0.8, "low_px": -1.2, "high_px": -0.4, "verdict": "would gain"}
HARDLY = HELPED | {"change_px": 0.01, "low_px": -0.03, "high_px": 0.05, "verdict": "would hardly change"}
OPEN = HELPED | {"low_px": -1.2, "high_px": 0.3, "verdict": "cannot be told: it may be much or nothing"}
NUMBERS: dict[str, Any] = {
    "networks": 36,
    "not_trained_on_median_px": 3.14159,
    "constant_guess_median_px": 28.4,
    "animal_length_px": 62.0,
    "learned_frames": 120,
    "labels_flagged": 9,
    "labels_flagged_held_out": 2,
    "labels_flagged_expected_false": 1.0,
    "group_size": 7,
    "group_name": "flagged",
    "group_difference_px": 0.052,
    "group_test_p": 0.001,
    "group_test_p_px": 0.02,
    "further_frames": HELPED,
    "verdicts": {"check label": 7, "undecided": 53},
    "networks_to_decide_top": 5234,
    "called_by_methods": {},
}
CHANGES: dict[str, dict[str, Any]] = {
    "as they are": {},
    "few frames": {"learned_frames": 12},
    "none flagged": {"labels_flagged": 0, "labels_flagged_held_out": 0, "group_size": 0, "group_test_p": np.nan},
    "one flagged": {"labels_flagged": 1, "labels_flagged_held_out": 0, "group_size": 0},
    "chance": {"group_test_p": 0.4, "further_frames": OPEN},
    "nothing decided": {"group_test_p": 0.4, "further_frames": None, "networks_to_decide_top": 1_000_000},
    "hardly": {"further_frames": HARDLY},
    "single frames": {"verdicts": {"harmful": 2, "helpful": 1, "worse than average": 3, "undecided": 50}},
    "single frames and no more": {
        "verdicts": {"harmful": 2, "better than average": 1, "undecided": 50},
        "group_test_p": 0.4,
        "further_frames": None,
    },
    "planted": {"group_name": "planted"},
    "by a method": {"called_by_methods": {"metagradient": 2}},
    "by a method and nothing else": {
        "called_by_methods": {"metagradient": 0},
        "group_test_p": 0.4,
        "further_frames": None,
        "networks_to_decide_top": None,
    },
}
