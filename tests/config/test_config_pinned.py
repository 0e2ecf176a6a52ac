"""What goes into hashes, records and the rules' options stays the same to the last byte.

A digest that changes here changes what Snakemake and the store of networks take for the same study: on purpose only.
"""

import hashlib
import json

import pytest
import yaml

from conftest import REPOSITORY
from frameworth.plan.config import inspect_config

SHIPPED = {
    "demo": "28cd4f33804f",
    "openfield-arms": "81dbcda8e665",
    "openfield-planted": "bf6e146493ba",
    "openfield": "4db785db3181",
    "paper": "f7b604d2dabe",
}  # fmt: skip

# Values as they are written (1 and 1.0, a text with an exponent), keys that are empty on purpose, sections of all kinds.
VARIANTS = {
    "seed: 3.0": "70ca640391c7",
    "demo: {frames: 20.0, planted: 1e-1}": "5fbe101eb298",
    "plant: {kinds: moved, moved_by: [0.1, 2e-1]}": "c9ec94572187",
    "held_out: {by: video}": "3cbebee75b73",
    "subsets: {design: paired, percents: [30, 70], seeds: [1.0, 2, 30], members: [1, 2.0], repeat: 1}": "ef4c9ff69e0c",
    "training: {scale: 1}": "575e15675a55",
    "training: {scale: 1.0, target_radius: 8.0, crop: null, freeze: 8.0, learning_rate: 1e-3}": "13ead3560643",
    "training: {epochs: 3, drops: [[1, 0]], weights: random}": "f47b0973a51c",
    "training: {augmentation: {affine: null, gaussian_noise: false}}": "4fce6138c1d5",
    "training: {augmentation: {affine: {p: 0.5, scaling: [1, 1.25], translation: 4.0}, gaussian_noise: 12.75}}": "db9f9c59d205",
    "pilot: {choices: [{scale: 0.5}, {scale: 1.0, crop: null}], steps: 10, most_steps: 4e1}": "b0cb72ad3a2c",
    "{pilot: {choices: {scale: 0.5}, steps: 1, most_steps: 2}, training: {scale: 0.7, steps: 9}}": "ccd7b4ea6696",
    "influence: {warm: {}, groups: [[50]]}": "178dd77e4947",
    "{toggle: {frames: 4}, prune: {}, figures: {pair_list: [[1, 2.0]]}, prediction: {distractor_radius: 12}}": "b17022403455",
    "arms: {c: {augment: {distractor_cutout: {}}}, r: {replicate: {weights: 3}}, t: {pseudo: {labels: true}}}": "8b1a0c2dc501",
}  # fmt: skip


def digest(given):
    config, _ = inspect_config(given)
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_config_that_comes_along_keeps_its_digest(name):
    assert digest(yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text())) == SHIPPED[name]


@pytest.mark.parametrize("text", VARIANTS)
def test_a_config_keeps_its_digest(text):
    assert digest({"study": "mice", "labels": "project"} | yaml.safe_load(text)) == VARIANTS[text]
