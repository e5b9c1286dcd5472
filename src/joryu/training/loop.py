"""The loop itself: steps, epochs, validation, checkpoints."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from joryu.errors import TrainingError
from joryu.objectives import Objective
from joryu.students import Blueprint
from joryu.targets.durable import durable_file
from joryu.training.checkpoint import Progress, save_checkpoint
from joryu.training.events import Events
from joryu.training.interrupt import Interrupt
from joryu.training.material import Batch, Material
from joryu.training.recipe import Recipe, best_precision
from joryu.training.run import Run

BEST = "best.safetensors"


class Loop:
    """One training from its first step to its last; see `joryu.training.train` for what it promises."""

    def __init__(
        self, blueprint: Blueprint, material: Material, *, objective: Objective, recipe: Recipe, run: Run
    ) -> None:
        self.material, self.objective, self.recipe, self.run = material, objective, recipe, run
        self.fabric = make_fabric(recipe)
        torch.manual_seed(recipe.seed)
        module = blueprint.build().to(memory_format=torch.channels_last)
        self.ema = None if recipe.ema is None else averaged(module, recipe.ema).to(self.fabric.device)
        optimiser = make_optimiser(module, recipe)
        self.module: Any
        self.module, self.optimiser = self.fabric.setup(module, optimiser)
        if recipe.compile:
            self.module.compile()
        self.linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
        if self.fabric.global_rank:
            torch.manual_seed(recipe.seed + self.fabric.global_rank)  # every rank drops other units
        self.progress = Progress()
        self.batch_size = min(recipe.batch_size, material.epoch_size)
        self.steps = material.epoch_size // self.batch_size

    # --- resuming ---------------------------------------------------------------------------------------------------

    def resume(self, checkpoint: dict[str, Any] | None) -> None:
        """Go back to where a checkpoint was saved, the random state included."""
        if checkpoint is None:
            return
        raw = self.module.module
        raw.load_state_dict(checkpoint["student"])
        self.optimiser.load_state_dict(checkpoint["optimiser"])
        if self.ema is not None:
            self.ema.load_state_dict(checkpoint["ema"])
        self.progress = Progress(**checkpoint["progress"])
        torch.set_rng_state(checkpoint["random"])
        if torch.cuda.is_available() and checkpoint["random_cuda"]:
            torch.cuda.set_rng_state_all(checkpoint["random_cuda"])

    def checkpoint(self) -> None:
        """Save where we are."""
        if not self.fabric.is_global_zero:
            return
        self.progress.loss_sum = float(self.loss_sum)
        save_checkpoint(
            self.run.folder,
            {
                "student": self.module.module.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "ema": None if self.ema is None else self.ema.state_dict(),
                "progress": vars(self.progress),
                "random": torch.get_rng_state(),
                "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            },
        )

    # --- running ----------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Run until the last epoch, or until patience ends."""
        progress = self.progress
        self._clock = time.monotonic()
        self._saved = time.monotonic()
        with Interrupt() as self.interrupt, Events(self.run.folder, progress.epoch, self.fabric) as self.events:
            while progress.epoch < self.recipe.epochs and not self._out_of_patience():
                self._epoch()
                self._end_of_epoch()

    def _epoch(self) -> None:
        progress, size = self.progress, self.batch_size
        self.module.train()
        self.loss_sum = torch.tensor(progress.loss_sum, dtype=torch.float64, device=self._sum_device())
        done = progress.step
        order = self._order(progress.epoch)[done * size : self.steps * size]
        local = self._local(order)
        for batch in self.material.batches(
            local, epoch=progress.epoch, batch_size=size // self.fabric.world_size, device=self.fabric.device
        ):
            self._step(batch)
            if self.interrupt.asked or time.monotonic() - self._saved >= self.run.checkpoint_seconds:
                self._save_now()
            if self.run.watch is not None:
                self.run.watch(progress, self.steps, self.recipe.epochs)

    def _step(self, batch: Batch) -> None:
        progress, recipe = self.progress, self.recipe
        rate = recipe.rate(progress.epoch * self.steps + progress.step, recipe.epochs * self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self.objective(self.module(batch.inputs), batch.soft_targets, batch.labels).mean()
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        if recipe.clip is not None:
            self.fabric.clip_gradients(self.module, self.optimiser, max_norm=recipe.clip, error_if_nonfinite=False)
        self.optimiser.step()
        if recipe.max_norm is not None:
            self._constrain(recipe.max_norm)
        if self.ema is not None:
            self.ema.update_parameters(self.module.module)
        self.loss_sum += loss.detach()
        progress.step += 1
        progress.loss_rows += 1

    @torch.no_grad()
    def _constrain(self, max_norm: float) -> None:
        for layer in self.linear:
            layer.weight.copy_(torch.renorm(layer.weight, p=2, dim=0, maxnorm=max_norm))

    def _save_now(self) -> None:
        self._tick()
        self.checkpoint()
        self._saved = time.monotonic()
        if self.interrupt.asked:
            raise KeyboardInterrupt

    def _end_of_epoch(self) -> None:
        progress = self.progress
        mean_loss = float(self.loss_sum) / max(1, progress.loss_rows)
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"the loss is not finite in epoch {progress.epoch + 1}",
                received=mean_loss,
                hint="try a lower --learning-rate, --clip 1.0 or a lower --temperature",
            )
        self._tick()
        record: dict[str, Any] = {
            "epoch": progress.epoch + 1,
            "train_loss": mean_loss,
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            "seconds": round(progress.seconds, 3),
        }
        if self.material.validation is not None:
            record |= self.validate()
        if record.get("validation_loss", math.inf) < progress.best_loss:
            progress.best_epoch, progress.best_loss = progress.epoch + 1, record["validation_loss"]
            if self.fabric.is_global_zero and self.recipe.keep == "best":
                self._save_best()
        progress.history.append(record)
        progress.epoch, progress.step = progress.epoch + 1, 0
        progress.loss_sum, progress.loss_rows = 0.0, 0
        self.loss_sum.zero_()
        self._write_history()
        self.events.write(record)
        last = progress.epoch >= self.recipe.epochs
        if last or time.monotonic() - self._saved >= min(self.run.checkpoint_seconds, 5.0):
            self.checkpoint()
            self._saved = time.monotonic()

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Loss and accuracy on the validation split: against its labels, or against the teacher if it has none."""
        validation = self.material.validation_material()
        module = self.student_module().eval()
        loss = correct = torch.zeros((), dtype=torch.float64, device=self._sum_device())
        rows = 0
        for batch in validation.batches(
            torch.arange(len(validation.examples)), epoch=0, batch_size=1024, device=self.fabric.device
        ):
            logits = module(batch.inputs).float()
            if validation.targets is None and batch.labels is not None:
                best, each = batch.labels, F.cross_entropy(logits, batch.labels, reduction="none")
            elif batch.soft_targets is not None:
                probs = batch.soft_targets.mean().probs()
                best, each = probs.argmax(-1), F.cross_entropy(logits, probs, reduction="none")
            else:
                continue
            loss = loss + each.double().sum()
            correct = correct + (logits.argmax(-1) == best).double().sum()
            rows += len(logits)
        name = "validation_accuracy" if validation.targets is None else "validation_agreement"
        return {"validation_loss": float(loss) / rows, name: float(correct) / rows}

    # --- what comes out -----------------------------------------------------------------------------------------------

    def student_module(self) -> nn.Module:
        """The student as it stands: the moving average if there is one."""
        module: nn.Module = self.module.module if self.ema is None else self.ema.module
        return module

    def best_module(self) -> nn.Module:
        """The student to keep, after training."""
        module = self.student_module()
        best = self.run.folder / BEST
        if self.recipe.keep == "best" and best.is_file():
            module.load_state_dict(load_file(best))
        return module.eval()

    def _save_best(self) -> None:
        state = {k: v.detach().cpu().contiguous() for k, v in self.student_module().state_dict().items()}
        with durable_file(self.run.folder / BEST) as file:
            file.write(save(state))

    def _write_history(self) -> None:
        if not self.fabric.is_global_zero:
            return
        with durable_file(self.run.folder / "metrics.jsonl") as file:
            file.writelines(json.dumps(record).encode() + b"\n" for record in self.progress.history)

    # --- small things -------------------------------------------------------------------------------------------------

    def _order(self, epoch: int) -> Tensor:
        """Row numbers of one epoch, a function of (seed, epoch) alone; a small set is gone through several times."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)
        n, size = len(self.material.examples), self.material.epoch_size
        rounds = [torch.randperm(n, generator=generator) for _ in range(-(-size // n))]
        return torch.cat(rounds)[:size]

    def _local(self, order: Tensor) -> Tensor:
        world = self.fabric.world_size
        if world == 1:
            return order
        share = self.batch_size // world
        return order.view(-1, self.batch_size)[:, self.fabric.global_rank * share :][:, :share].reshape(-1)

    def _out_of_patience(self) -> bool:
        progress, patience = self.progress, self.recipe.patience
        return patience is not None and progress.epoch - (progress.best_epoch or 0) >= patience

    def _sum_device(self) -> torch.device:
        return self.fabric.device if self.fabric.device.type != "mps" else torch.device("cpu")

    def _tick(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._clock
        self._clock = now


def make_fabric(recipe: Recipe) -> Fabric:
    """Fabric at the recipe's precision; devices and nodes come from ``fabric run`` (LT_* variables), or one."""
    precision = recipe.precision
    if precision == "auto":
        precision = best_precision("cuda" if torch.cuda.is_available() else "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Fabric's advice about the environment is not the user's business here
        # Fabric alone would take every GPU it sees and start this program once for each: not in a user's notebook.
        fabric = Fabric(precision=precision) if "LT_DEVICES" in os.environ else Fabric(precision=precision, devices=1)
        fabric.launch()
    return fabric


def averaged(module: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the parameters; buffers follow the student."""
    return AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]


def make_optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Fused AdamW or SGD with Nesterov momentum; weight decay spares biases and norms."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    spared = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True
        )
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
