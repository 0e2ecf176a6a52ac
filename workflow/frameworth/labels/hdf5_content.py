"""What an HDF5 file of a stranger reaches for: links and datasets that take their content from other files.

HDF5 lets a file name any other on this machine, which its reader then opens; and lets a few bytes claim terabytes.
"""

from __future__ import annotations

import h5py

MAX_UNSTORED = 1 << 28  # bytes a dataset may claim whatever it stores
MAX_RATIO = 1000  # bytes claimed per byte stored, above that; deflate reaches no more
MAX_OBJECTS = 200_000  # groups and datasets; a label file of 10,000 videos has a few times as many


def reaching_out(file: h5py.File) -> str | None:
    """What in the file leads to another one, or claims more than it stores; None if all of it lies in the file itself.

    No link is followed but those of the file to its own groups and datasets, and no value is read.
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
                continue  # its end is looked at where it lies
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
