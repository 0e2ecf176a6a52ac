"""Finds dangerous content in untrusted HDF5 files: links and datasets that read other files, and huge datasets.

An HDF5 file may name any other file on this machine, which the reader then opens. A few bytes may declare terabytes.
"""

from __future__ import annotations

import h5py

MAX_UNSTORED = 1 << 28  # bytes that a dataset may declare, however little it stores
MAX_RATIO = 1000  # above that: bytes declared per byte stored; deflate cannot compress more
MAX_OBJECTS = 200_000  # groups and datasets; a label file of 10,000 videos has a few times 10,000


def reaching_out(file: h5py.File) -> str | None:
    """The first thing in the file that leads to another file, or declares far more than it stores; None if all is safe.

    Only links to groups and datasets of the file itself are followed, and no value is read.
    """
    waiting, seen = [file["/"]], set()
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.ExternalLink):
                return f"{place} is a link to another file"
            if isinstance(link, h5py.SoftLink):
                continue  # its target is in this file and is checked there
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                return f"it holds more than {MAX_OBJECTS} groups and datasets"
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external:
                    return f"{place} has its values in another file"
                claimed, stored = (item.size or 0) * item.dtype.itemsize, item.id.get_storage_size()
                if claimed > MAX_UNSTORED and claimed > MAX_RATIO * stored:
                    return f"{place} holds more than {MAX_UNSTORED >> 20} MiB by its own account, and stores hardly any"
    return None
