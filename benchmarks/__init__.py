"""The measurements in README and docs; most modules here are run by a `make benchmark-…` target."""
