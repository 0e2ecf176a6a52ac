"""Estimators of influence, one module each. An estimator's name is that of its module, with `-` for `_`.

To add an estimator, add a module here with

    estimate(sample, *, with_errors) -> Estimate

where the `Sample` has the arrays of the subsets and their scores.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module

from frameworth.attribution.sample import Estimate
from frameworth.errors import UserError


def estimator_names() -> list[str]:
    """The names of all estimators."""
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return [name.replace("_", "-") for name in sorted(modules)]


def estimator(name: str) -> Callable[..., Estimate]:
    """The `estimate` function of the estimator `name`; raises UserError if there is no such estimator."""
    if name not in estimator_names():
        raise UserError(f"influence.estimator: there is no {name!r}; known are {', '.join(estimator_names())}")
    return import_module(f"frameworth.attribution.estimators.{name.replace('-', '_')}").estimate
