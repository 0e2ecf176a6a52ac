"""Files that are whole or not there: atomic writing, digests, HDF5, full disks."""
