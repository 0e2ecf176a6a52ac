"""Make commands from functions: a function's signature has the command's parameters with types and help texts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import click

from frameworth.cli._common import FILE, Json, friendly
from frameworth.config.training import Training

# The config's `training`, with the pilot's choice for options that it lacks. The command has an option for each of the
# two, and the function is called with both combined.
ChosenTraining = Annotated[Training, "What determines weights, of the config's `training`."]
_GIVEN_TRAINING = Annotated[dict[str, Any], get_args(ChosenTraining)[1]]
_PILOT = click.Option(["--pilot"], type=FILE, help="The study's pilot.json, which has what `training` lacks.")


def stage(group: click.Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a function to `group` as the command of its name, with its docstring as help.

    Positional parameters become arguments, keyword-only ones options; those with a default may be left out. Paths,
    numbers, texts and the words of a `Literal` are given directly, a tuple as any number of arguments, and anything
    else as JSON. The help of an option is the text in its `Annotated` type.
    """

    def add(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        callback = friendly(function)
        may_have_pilot = hints.get("training") == ChosenTraining
        if may_have_pilot:
            hints["training"] = _GIVEN_TRAINING
            callback = friendly(_with_choice_of_pilot(callback))  # for a pilot.json that is damaged
        parameters = [
            _parameter(parameter, hints[parameter.name])
            for parameter in inspect.signature(function).parameters.values()
        ]
        parameters += [_PILOT] * may_have_pilot
        name = function.__name__.replace("_", "-")
        group.add_command(click.Command(name, callback=callback, params=parameters, help=function.__doc__))
        return function

    return add


def _parameter(parameter: inspect.Parameter, kind: Any) -> click.Parameter:
    text = None
    if get_origin(kind) is Annotated:
        kind, text = get_args(kind)
    if get_origin(kind) in (Union, UnionType):  # a parameter that may be left out
        kind = get_args(kind)[0]
    required = parameter.default is parameter.empty
    if parameter.kind is not parameter.KEYWORD_ONLY:
        several = get_origin(kind) is tuple
        of = get_args(kind)[0] if several else kind
        return click.Argument([parameter.name], type=_type(of), nargs=-1 if several else 1, required=required)
    default = {} if required else {"default": parameter.default, "show_default": True}
    words = [f"--{parameter.name.replace('_', '-')}"]
    return click.Option(words, type=_type(kind), required=required, help=text, **default)


def _type(kind: Any) -> click.ParamType | type:
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind is Path:
        return FILE
    return kind if kind in (int, float, str, bool) else Json(kind)


def _with_choice_of_pilot(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def resolved(*, training: dict[str, Any], pilot: Path | None, **options: Any) -> None:
        from frameworth.plan.pilot import resolved_training

        command(training=resolved_training(training, pilot), **options)

    return resolved
