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
    "demo": "1216bc9b39b2",
    "openfield-arms": "c207b3151c10",
    "openfield-planted": "f647a92b5b02",
    "openfield": "88b456ef852f",
    "paper": "3345808f7935",
}  # fmt: skip

# Values as they are written (1 and 1.0, a text with an exponent), keys that are empty on purpose, sections of all kinds.
VARIANTS = {
    "seed: 3.0": "0dfaf30c9678",
    "demo: {frames: 20.0, planted: 1e-1}": "bc05fdb091d6",
    "plant: {kinds: moved, moved_by: [0.1, 2e-1]}": "d790b61444d0",
    "held_out: {by: video}": "f466bd76e60d",
    "subsets: {design: paired, percents: [30, 70], seeds: [1.0, 2, 30], members: [1, 2.0], repeat: 1}": "4f568d1105ea",
    "training: {scale: 1}": "b307abf97960",
    "training: {scale: 1.0, target_radius: 8.0, crop: null, freeze: 8.0, learning_rate: 1e-3}": "1c5546456d63",
    "training: {epochs: 3, drops: [[1, 0]], weights: random}": "f089d67decab",
    "training: {augmentation: {affine: null, gaussian_noise: false}}": "ffe6f166da7f",
    "training: {augmentation: {affine: {p: 0.5, scaling: [1, 1.25], translation: 4.0}, gaussian_noise: 12.75}}": "7239842f3c70",
    "pilot: {choices: [{scale: 0.5}, {scale: 1.0, crop: null}], steps: 10, most_steps: 4e1}": "1bf4a092a9be",
    "{pilot: {choices: {scale: 0.5}, steps: 1, most_steps: 2}, training: {scale: 0.7, steps: 9}}": "7a51959f27ec",
    "influence: {warm: {}, groups: [[50]]}": "3c6409b9f818",
    "{toggle: {frames: 4}, prune: {}, figures: {pair_list: [[1, 2.0]]}, prediction: {distractor_radius: 12}}": "3a27f1c6f733",
    "arms: {c: {augment: {distractor_cutout: {}}}, r: {replicate: {weights: 3}}, t: {pseudo: {labels: true}}}": "4f1b0e4ad1c1",
}  # fmt: skip


def digest(given):
    config, _ = inspect_config(given)
    return hashlib.sha256(json.dumps(config.model_dump(), sort_keys=True).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_config_that_comes_along_keeps_its_digest(name):
    assert digest(yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text())) == SHIPPED[name]


@pytest.mark.slow
@pytest.mark.parametrize("text", VARIANTS)
def test_a_config_keeps_its_digest(text):
    assert digest({"study": "mice", "labels": "project"} | yaml.safe_load(text)) == VARIANTS[text]
