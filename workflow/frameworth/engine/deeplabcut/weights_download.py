"""Check that downloaded ImageNet weights, the only download there is, are what the hub says it sent."""

from __future__ import annotations

import re
from pathlib import Path

from frameworth.errors import UserError
from frameworth.storage.digests import digest_of_file

_FILES = ("model.safetensors", "pytorch_model.bin")  # timm takes the first of these that exists


def check_download(backbone: str) -> None:
    """Compare the weights in the hub's cache with the SHA-256 that the hub gave for them, which is their file's name.

    `backbone` is timm's name. A few old networks have weights that are not from the hub; they are not compared.
    Raises UserError naming the file if they differ.
    """
    import timm
    from huggingface_hub import try_to_load_from_cache

    entry = timm.get_pretrained_cfg(backbone)
    if entry is None or not entry.hf_hub_id:
        return
    cached = [path for name in _FILES if isinstance(path := try_to_load_from_cache(entry.hf_hub_id, name), str)]
    for path in cached[:1]:
        blob = Path(path).resolve()
        if re.fullmatch(r"[0-9a-f]{64}", blob.name) and digest_of_file(blob) != blob.name:
            raise UserError(
                f"{blob}: the weights of {backbone} are not those that the hub names by this SHA-256; remove the file, "
                "and fetch it again"
            )
