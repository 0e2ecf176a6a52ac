"""Grouped convolutions with fast second derivatives.

PyTorch computes the second derivative of a grouped convolution group by group; for a depthwise one these are hundreds
of small convolutions. The convolution and its derivatives by input and weight belong to one trilinear form, so the
derivatives of each are given by the other two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

_Options = tuple[list[int], list[int], list[int], int]  # stride, padding, dilation, groups


class FastSecondDerivatives(TorchFunctionMode):
    """Within this context, grouped convolutions are those of this module; values and derivatives are the same."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func`, or this module's convolution instead of it."""
        if func is torch.conv2d and not kwargs and len(args) == 7:
            x, weight, bias, stride, padding, dilation, groups = args
            if groups > 1 and not isinstance(padding, str) and (x.requires_grad or weight.requires_grad):
                options = _pair(stride), _pair(padding), _pair(dilation), groups
                out = _Convolution.apply(x, weight, options)
                return out if bias is None else out + bias.view(1, -1, 1, 1)
        return func(*args, **(kwargs or {}))


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, options: _Options) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.options = options
        stride, padding, dilation, groups = options
        return torch.ops.aten.convolution(x, weight, None, stride, padding, dilation, False, [0, 0], groups)

    @staticmethod
    def backward(ctx: Any, out: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        x, weight = ctx.saved_tensors
        by_x = _ByInput.apply(out, weight, ctx.options, x.shape) if ctx.needs_input_grad[0] else None
        by_weight = _ByWeight.apply(x, out, ctx.options, weight.shape) if ctx.needs_input_grad[1] else None
        return by_x, by_weight, None


class _ByInput(Function):
    @staticmethod
    def forward(
        ctx: Any, out: torch.Tensor, weight: torch.Tensor, options: _Options, shape: torch.Size
    ) -> torch.Tensor:
        ctx.save_for_backward(out, weight)
        ctx.options = options
        return _derivatives(out, out.new_empty(shape), weight, options, [True, False, False])[0]

    @staticmethod
    def backward(ctx: Any, x: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        out, weight = ctx.saved_tensors
        by_out = _Convolution.apply(x, weight, ctx.options) if ctx.needs_input_grad[0] else None
        by_weight = _ByWeight.apply(x, out, ctx.options, weight.shape) if ctx.needs_input_grad[1] else None
        return by_out, by_weight, None, None


class _ByWeight(Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, out: torch.Tensor, options: _Options, shape: torch.Size) -> torch.Tensor:
        ctx.save_for_backward(x, out)
        ctx.options = options
        return _derivatives(out, x, out.new_empty(shape), options, [False, True, False])[1]

    @staticmethod
    def backward(ctx: Any, weight: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        x, out = ctx.saved_tensors
        by_x = _ByInput.apply(out, weight, ctx.options, x.shape) if ctx.needs_input_grad[0] else None
        by_out = _Convolution.apply(x, weight, ctx.options) if ctx.needs_input_grad[1] else None
        return by_x, by_out, None, None


def _derivatives(
    out: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, options: _Options, wanted: list[bool]
) -> tuple[torch.Tensor, ...]:
    stride, padding, dilation, groups = options
    return torch.ops.aten.convolution_backward(
        out, x, weight, None, stride, padding, dilation, False, [0, 0], groups, wanted
    )


def _pair(value: int | tuple[int, ...]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
