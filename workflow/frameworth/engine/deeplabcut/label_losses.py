"""A network's loss label by label, differentiable by the labels' positions, too; smooth scores of held-out labels.

Training minimises `frameworth.engine.deeplabcut.framework.DeepLabCut.loss`; `label_losses` splits it into labels.
"""

from __future__ import annotations

import torch

from frameworth.engine.deeplabcut.networks import HEAD, HeatmapGaussianGenerator, PoseModel, ways_to_labels
from frameworth.errors import UserError

# The softmax is taken of a map times this factor, because maps are trained to lie between 0 and 1.
_SHARPNESS = 10.0


def check_loss(network: PoseModel) -> None:
    """Raise UserError if `label_losses` cannot split the network's loss."""
    head = network.heads[HEAD]
    generator, parts = head.target_generator, {"heatmap": "WeightedMSECriterion", "locref": "WeightedHuberCriterion"}
    criteria = head.criterion if isinstance(head.criterion, torch.nn.ModuleDict | dict) else {}
    fits = isinstance(generator, HeatmapGaussianGenerator) and not generator.gradient_masking
    if not fits or any(type(criterion).__name__ != parts.get(name) for name, criterion in criteria.items()):
        raise UserError(
            "influence.metagradient: the network's loss is not DeepLabCut's default one of single animals; take "
            "another training.net_type, or leave out influence.metagradient"
        )


def label_losses(
    network: PoseModel, outputs: dict[str, dict[str, torch.Tensor]], keypoints: torch.Tensor
) -> torch.Tensor:
    """The part of a batch's loss that belongs to each label, [B, K]; the sum of all is the loss.

    A missing label has a part, too, because the target of its map is 0.

    Args:
        outputs: the network's outputs for the batch.
        keypoints: labels [B, K, 3] with visibility, double precision on the network's device.
    """
    head = network.heads[HEAD]
    heatmap = outputs[HEAD]["heatmap"]
    gaussian, across, down = _targets(network, heatmap, keypoints)
    weights = head.aggregator.weights
    each = (heatmap - gaussian).square().sum(dim=(2, 3)) * weights["heatmap"] / heatmap.numel()
    if "locref" in outputs[HEAD] and head.target_generator.generate_locref:
        generator = head.target_generator
        offsets = torch.stack([across, down], dim=2) * generator.locref_scale
        near = (across.square() + down.square()).sqrt().square() <= generator.dist_thresh_sq
        near &= (keypoints[..., 2] > 0)[..., None, None]
        counted = (2 * near.sum()).clamp(min=1)
        refinement = outputs[HEAD]["locref"].reshape(offsets.shape)
        missed = (refinement - offsets.to(refinement.dtype)).abs()
        quadratic = missed.clamp(max=1)  # Huber's loss; PyTorch's own lacks second derivatives needed here
        each = each + (quadratic * (missed - quadratic / 2) * near[:, :, None]).sum(dim=(2, 3, 4)) * (
            weights["locref"] / counted
        )
    return each / len(weights)


def heatmap_losses(
    network: PoseModel, outputs: dict[str, dict[str, torch.Tensor]], keypoints: torch.Tensor
) -> torch.Tensor:
    """The mean squared error of each label's map, [B, K]; arguments as for `label_losses`."""
    heatmap = outputs[HEAD]["heatmap"]
    return (heatmap - _targets(network, heatmap, keypoints)[0]).square().mean(dim=(2, 3))


def log_improbabilities(
    network: PoseModel, outputs: dict[str, dict[str, torch.Tensor]], keypoints: torch.Tensor
) -> torch.Tensor:
    """−log of the probability around each label, [B, K]; arguments as for `label_losses`.

    The probability is the softmax of ten times the map, which is smooth, unlike the map cut off at 0. The log is
    averaged over the label's target.
    """
    heatmap = outputs[HEAD]["heatmap"]
    target = _targets(network, heatmap, keypoints)[0].flatten(2)
    target = target / target.sum(dim=2, keepdim=True).clamp(min=1e-9)
    return -(target * (_SHARPNESS * heatmap.flatten(2)).log_softmax(dim=2)).sum(dim=2)


def _targets(
    network: PoseModel, heatmap: torch.Tensor, keypoints: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gaussian targets as in `targets_of`, and the two results of `ways_to_labels`, each [B, K, h, w]."""
    across, down = ways_to_labels(network, heatmap, keypoints)
    visible = (keypoints[..., 2] > 0)[..., None, None]
    deviation = network.heads[HEAD].target_generator.std
    gaussian = torch.exp(-(across.square() + down.square()) / (2 * deviation**2)) * visible
    return gaussian.to(heatmap.dtype), across, down
