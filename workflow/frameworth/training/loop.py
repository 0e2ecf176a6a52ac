"""Train one network on one subset for a fixed number of steps; a resumed training gives the same bytes."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from frameworth.config.training import Training
from frameworth.engine import engine_of
from frameworth.engine.base import Engine
from frameworth.engine.devices import make_deterministic, seed_network
from frameworth.storage.hdf5 import provenance
from frameworth.training.divergence import final_loss, why_diverged
from frameworth.training.preemption import Preempted, sigterm_waits
from frameworth.training.store import CHECKPOINT, Entry, before_step
from frameworth.training.variants import BASELINE, Variant, ordered_batches

CHECKPOINT_SECONDS = 30  # so that at most a minute of work is lost, with time for saving and a slow step
_CURVE_POINTS = 100


def learning_rate_factor(drops: list[list[float]], step: int, steps: int) -> float:
    """The factor on the initial learning rate at `step`, from `drops`: pairs of a fraction of `steps` and a factor."""
    factor = 1.0
    for fraction, value in drops:
        if step >= fraction * steps:
            factor = value
    return factor


@dataclass(frozen=True)
class NetworkJob:
    """One network to train, with its data, options and device.

    Attributes:
        keypoints: K names.
        images: [M] uint8 [h, w, 3], at the training's scale.
        xy: labels in px of these images, [M, K, 2].
        training: the config's `training`.
        variant: how the network of an arm differs from the baseline's.
        kept_step: if given, the state before this step is also kept in the store.
    """

    keypoints: Sequence[str]
    images: list[np.ndarray]
    xy: np.ndarray
    training: Training
    seed: int
    device: torch.device
    variant: Variant = BASELINE
    kept_step: int | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine that the training options name."""
        return engine_of(self.training, self.keypoints)

    @property
    def steps(self) -> int:
        """The number of gradient steps."""
        return self.training.total_steps(len(self.images))

    @property
    def weights(self) -> str:
        """The weights at the start: a word of the config, or the path of a file."""
        return str(self.variant.start or self.training.weights)

    def initial_network(self) -> torch.nn.Module:
        """The network before its first step, on the CPU."""
        return self.engine.build(self.weights, self.seed)


def train_network(job: NetworkJob, entry: Entry, say: Callable[[str], object] = lambda line: None) -> None:
    """Train for all steps, from the checkpoint in `entry` if there is one, and keep the network in `entry`.

    On SIGTERM or SIGINT it writes a checkpoint after the current step and raises Preempted. It calls `say` with a line
    at the start and at each checkpoint.
    """
    make_deterministic(job.device)
    if own_loop := job.engine.own_loop():
        # The engine's own loop has no checkpoints, so SIGTERM stops it at once.
        network, started = job.initial_network(), time.monotonic()
        losses = own_loop(network, job.images, job.xy, job.steps, job.seed, job.device)
        _keep(job, entry, say, network, {"losses": losses, "wall_seconds": time.monotonic() - started, "resumed": 0})
    else:
        with sigterm_waits() as stopping:
            descent = Descent(job)
            _keep(job, entry, say, descent.network, _descend(descent, entry, say, stopping))


def _keep(
    job: NetworkJob, entry: Entry, say: Callable[[str], object], network: torch.nn.Module, state: dict[str, Any]
) -> None:
    finite = all(bool(value.isfinite().all()) for value in network.state_dict().values())
    variant = job.variant
    diverged = why_diverged(state["losses"], finite, job.engine.heads_start_random(job.weights))
    if variant.start is not None and Entry(variant.start.parent).read_record()["diverged"]:
        diverged = diverged or "the network that it continues had diverged"
    if diverged:
        say(f"diverged: {diverged}; it is kept, and left out of consensus and scores")
    record = _record(job, state, diverged)
    if variant.identity(job.seed):
        record["variant"] = variant.identity(job.seed)
        record["patches_per_image"] = state.get("patches", 0) / (job.steps * job.training.batch_size)
    cpu_state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    entry.finish({"model": cpu_state, "metadata": {"epoch": job.steps}}, record)


def train_step(
    engine: Engine,
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: torch.Tensor,
    keypoints: np.ndarray,
    precision: str = "float32",
) -> torch.Tensor:
    """Take one gradient step and return the loss before it, still on the device.

    Args:
        batch, keypoints: the images and labels that the engine's augmentation returns.
        precision: `float32`, or `bfloat16` for mixed precision.
    """
    optimizer.zero_grad()
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        loss = engine.loss(network, batch, keypoints)
    loss.backward()
    optimizer.step()
    return loss.detach()


class Descent:
    """A training that is run step by step: a step depends only on its number and the state before it.

    The state is that of the network and of the optimizer. To repeat steps exactly, put back the state before them.

    Attributes:
        job: the network to train.
        network, optimizer: on the device; steps change them in place.
        augment: makes the batches.
        chosen: gives the training frames of a step's batch.
    """

    def __init__(self, job: NetworkJob) -> None:
        self.job, training, variant = job, job.training, job.variant
        self.network = job.initial_network().train()
        # Channels-last convolutions are half again as fast on CPUs, and faster in mixed precision on GPUs.
        self.network.to(job.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it
        self.optimizer = job.engine.optimizer(self.network, training.learning_rate)
        self._initial_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.augment = job.engine.augmentation(job.images, job.xy, job.device, variant.cutout)
        order_seed, self._draw_seed = variant.seeds(job.seed)
        self.chosen = ordered_batches(variant.ranks, len(job.images), training.batch_size, job.steps, order_seed)

    def prepare(self, step: int) -> tuple[torch.Tensor, np.ndarray]:
        """Seed the network's random numbers for this step, set its learning rate, and make its batch.

        Returns images [B, 3, h, w] and labels [B, K, 3] of the frames `chosen(step)`, augmented.
        """
        seed_network(self.job.device, self._draw_seed, 4, step)
        factor = learning_rate_factor(self.job.training.drops, step, self.job.steps)
        for group, rate in zip(self.optimizer.param_groups, self._initial_rates, strict=True):
            group["lr"] = rate * factor
        return self.augment(self.chosen(step), self.draw(step))

    def draw(self, step: int) -> tuple[int, ...]:
        """The seed of the step's augmentation."""
        return self._draw_seed, 1, step

    def state(self) -> dict[str, Any]:
        """The present state; once saved and read again, it can be given to `put_back`."""
        return {"model": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def put_back(self, state: dict[str, Any]) -> None:
        """Replace the present state by `state`."""
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self, step: int) -> torch.Tensor:
        """Take the step and return the loss before it, still on the device."""
        batch, keypoints = self.prepare(step)
        precision = self.job.training.precision
        return train_step(self.job.engine, self.network, self.optimizer, batch, keypoints, precision)


def _descend(
    descent: Descent, entry: Entry, say: Callable[[str], object], stopping: Callable[[], str]
) -> dict[str, Any]:
    """Take all steps, from the entry's checkpoint if there is one, and return the record of the training.

    Args:
        stopping: returns the name of the signal that asks to stop, or an empty string if none came.
    """
    steps, batch_size = descent.job.steps, descent.job.training.batch_size
    state: dict[str, Any] = {"step": 0, "losses": [], "wall_seconds": 0.0, "resumed": 0}
    if checkpoint := entry.read_state(CHECKPOINT):
        descent.put_back(checkpoint)
        state = checkpoint["state"] | {"resumed": checkpoint["state"]["resumed"] + 1}
    first, started, saved = state["step"], time.monotonic(), time.monotonic()
    wall_before = state["wall_seconds"]
    say(f"trains from step {first} to {steps}")
    entry.write_progress(first, steps, 0.0)
    losses = []  # they stay on the device, because reading each loss would slow a GPU
    patches_before = state.get("patches", 0)
    for step in range(first, steps):
        if step == descent.job.kept_step:
            entry.write_state(before_step(step), descent.state())
        losses.append(descent.advance(step))
        now, stop = time.monotonic(), stopping()
        if step + 1 < steps and (stop or now - saved > CHECKPOINT_SECONDS):
            state = _advanced(state, losses, step + 1, wall_before, started, patches_before + descent.augment.patches)
            losses = []
            entry.write_state(CHECKPOINT, descent.state() | {"state": state})
            if stop:
                raise Preempted(f"stopped by {stop} at step {step + 1} of {steps}; the next attempt continues there")
            saved = time.monotonic()
            rate = (step + 1 - first) * batch_size / (now - started)
            entry.write_progress(step + 1, steps, rate)
            say(
                f"step {step + 1} of {steps}, loss {float(np.mean(state['losses'][-50:])):.5f}, {rate:.0f} samples/s, "
                f"{(steps - step - 1) * batch_size / rate:.0f} s left for this network"
            )
    return _advanced(state, losses, steps, wall_before, started, patches_before + descent.augment.patches)


def _advanced(
    state: dict[str, Any], losses: list[torch.Tensor], step: int, wall_before: float, started: float, patches: int
) -> dict[str, Any]:
    more = torch.stack(losses).tolist() if losses else []  # before the clock is read, because it waits for the device
    seconds = wall_before + time.monotonic() - started
    done = {"step": step, "losses": state["losses"] + more, "wall_seconds": seconds, "patches": patches}
    return state | done


def _record(job: NetworkJob, state: dict[str, Any], diverged: str) -> dict[str, Any]:
    """The network's entry in `training.json`; `diverged` is the reason why it diverged, or empty."""
    training, steps, device = job.training, job.steps, job.device
    losses, seconds = state["losses"], max(state["wall_seconds"], 1e-9)
    curve, last = _curve(losses, steps), final_loss(losses)
    return {
        "seed": job.seed,
        "engine": training.engine,
        "steps": steps,
        "batch_size": training.batch_size,
        "loss_curve": [[step, loss if np.isfinite(loss) else None] for step, loss in curve],
        "final_loss": last if np.isfinite(last) else None,
        "diverged": bool(diverged),
        "wall_seconds": seconds,
        "samples_per_second": steps * training.batch_size / seconds,
        "resumed": state["resumed"],
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "device_type": device.type,
        "versions": provenance(),
    }


def _curve(losses: list[float], steps: int) -> list[list[float]]:
    """At most a hundred pairs [step, mean loss since the last pair]; `losses` are spread evenly over the steps."""
    parts = np.array_split(np.array(losses), min(_CURVE_POINTS, len(losses)))
    ends = np.cumsum([len(part) for part in parts]) * steps / len(losses)
    return [[round(end), float(part.mean())] for end, part in zip(ends, parts, strict=True)]
