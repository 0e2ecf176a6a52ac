"""Convolutions in groups: first and second derivatives are PyTorch's own."""

import pytest
import torch
from torch import nn

from frameworth.engine.grouped_convolutions import FastSecondDerivatives


@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": (2, 1), "stride": 2, "dilation": 2, "bias": False}])
def test_first_and_second_derivatives_are_those_of_the_ordinary_convolution(options):
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(6, 6, 3, groups=6, **options), nn.Softplus(), nn.Conv2d(6, 8, 3, groups=2)
    ).double()
    x = torch.randn(2, 6, 11, 9, dtype=torch.float64, requires_grad=True)
    values = [x, *layers.parameters()]

    def derivatives():
        first = torch.autograd.grad(layers(x).pow(3).sum(), values, create_graph=True)
        return *first, *torch.autograd.grad(sum(derivative.pow(2).sum() for derivative in first), values)

    expected = derivatives()
    with FastSecondDerivatives():
        fast = derivatives()
        assert "_Convolution" in str(layers[0](x).grad_fn) + str(layers[0](x).grad_fn.next_functions)
    for derivative, other in zip(fast, expected, strict=True):
        assert torch.allclose(derivative, other, rtol=1e-10)
