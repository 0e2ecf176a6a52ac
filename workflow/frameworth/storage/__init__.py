"""Files that are either complete or not there: atomic writing, digests, HDF5, full disks."""
