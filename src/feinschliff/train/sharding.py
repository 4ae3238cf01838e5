"""Share a model out among processes that train together: fully sharded data parallel (FSDP).

Each process keeps a part of every weight, of its gradient and of the optimiser's state. The weights of a
layer are put together when it is computed, and given up after it; gradients are added up and shared out layer
by layer. A step is that of one process with the whole batch, to rounding.

Every forward and backward pass is therefore work of all processes: each makes as many as the others, with a
batch that counts nothing where it has none of its own, and all of them look at dev. Until training ends the
whole model waits in the host's memory.

Source: Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", SC 2020;
Zhao et al., "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", VLDB 2023.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from feinschliff.config import TrainConfig
from feinschliff.errors import ConfigError, ProcessLost
from feinschliff.models.layers import layers
from feinschliff.models.learner import Learner
from feinschliff.train.events import Listener, Notice
from feinschliff.train.processes import Processes, is_lost, sharding_asked


def asked(settings: TrainConfig) -> str:
    """Return `full` or `none`: what the settings say, or `accelerate launch --use_fsdp`."""
    return "full" if sharding_asked() else settings.sharding


def check(settings: TrainConfig, crew: Processes, listen: Listener) -> None:
    """Say what does not go together with sharding.

    Raises:
        ConfigError: the precision is float16.
    """
    if settings.sharding == "none":
        return
    if crew.size == 1:
        listen(Notice("train.sharding has no effect on a single process.", "warning"))
    elif settings.precision == "float16":
        raise ConfigError(
            "float16 cannot be computed with train.sharding=full",
            where="train.precision",
            allowed="float32, bfloat16",
        )


@contextmanager
def sharded(learner: Learner) -> Iterator[Learner]:
    """Give a learner whose model is shared out; what it learnt is in all of `learner.model` afterwards.

    Args:
        learner: Its model lies on the CPU, the same in all processes, and stays there as it is meanwhile. All
            processes enter and leave the context.

    Raises:
        ProcessLost: within the context a process is gone.
    """
    model = learner.model
    try:
        shares = _share_out(model, learner)
        yield replace(learner, model=shares)
        parts = dict(shares.named_parameters())
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(whole(parts[name]))
    except RuntimeError as error:
        if is_lost(error):
            raise ProcessLost from error
        raise


def is_sharded(model: nn.Module) -> bool:
    """Tell whether a model is that of `sharded`."""
    from torch.distributed.fsdp import FSDPModule

    return isinstance(model, FSDPModule)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Put a tensor together, in all processes; one that is not shared out is whole."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return this process's part of a whole tensor, if `other`, of the same shape, is shared out."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(other, DTensor) or tensor.shape != other.shape:
        return tensor
    mesh = other.device_mesh
    return distribute_tensor(tensor.to(mesh.device_type), mesh, other.placements, src_data_rank=None)


def _share_out(model: nn.Module, learner: Learner) -> Any:
    """Return a model that reads like the given one; its classes and parameters are those of FSDP."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    known = {id(p): nn.Parameter(p.detach(), p.requires_grad) for p in model.parameters()}
    shares = copy.deepcopy(model, known)
    size = torch.distributed.get_world_size()
    half = learner.precision == "bfloat16"
    how: dict[str, Any] = {
        "mesh": init_device_mesh(learner.device.type, (size,)),
        "reshard_after_forward": True,
        "mp_policy": MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if half else None,
            reduce_dtype=torch.float32,
            cast_forward_inputs=False,  # a mask of float32's lowest number would become infinite
        ),
    }
    for module in (*layers(shares), shares):
        kind = type(module)
        fully_shard(module, **how)
        type(module).__module__ = kind.__module__  # where transformers reads which attention it can compute
    for module in shares.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
            module.unshard()  # once outside of inference mode, whose buffers training could not write to
            module.reshard()
    return shares
