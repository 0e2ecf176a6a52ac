"""Measurements that README and docs report, each a module run by a `make benchmark-…` target."""
