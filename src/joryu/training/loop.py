"""`Loop`: the steps, epochs, validations and checkpoints of one training."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from joryu.durable import durable_file
from joryu.errors import DivergedError, InputError
from joryu.objectives import LOG_VARIANCE, Objective, Outputs, total
from joryu.students import Blueprint, load_weights
from joryu.students.architecture import begin_with_its_file
from joryu.students.blueprint import begin_as, state_of
from joryu.students.trial import require_gradients_in_bf16, require_outputs, require_parameters
from joryu.training.checkpoint import (
    NAME,
    TrainingProgress,
    best_file,
    drop_best_files,
    load_checkpoint,
    save_checkpoint,
    unusable,
)
from joryu.training.events import Events
from joryu.training.first_rates import begin_at_rates
from joryu.training.interrupt import Interrupt
from joryu.training.optimiser import averaged, constrain, make_optimiser
from joryu.training.processes import any_says, mean_of, rows_of
from joryu.training.recipe import Recipe
from joryu.training.run import METRICS, Run
from joryu.training.training_data import Batch, TrainingData
from joryu.training.validation import sum_dtype, validate

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MEETING = 10  #: steps after which several processes agree again on whether to save or to stop
SOON = 5.0  #: seconds since the last checkpoint after which another is saved at the end of an epoch


class Loop:
    """One training from its first step to its last; `joryu.training.train` says what it guarantees.

    Raises:
        InputError: the batch cannot be divided evenly among the processes, or the student cannot be trained.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        data: TrainingData,
        *,
        objective: Objective,
        recipe: Recipe,
        run: Run,
        fabric: Fabric,
    ) -> None:
        self.blueprint, self.data, self.objective = blueprint, data, objective
        self.recipe, self.run, self.fabric = recipe, run, fabric
        self.batch_size = min(recipe.batch_size, data.epoch_size)
        if self.batch_size % self.fabric.world_size:
            raise InputError(
                "the batch cannot be shared out evenly",
                expected=f"a multiple of {self.fabric.world_size} processes",
                received=self.batch_size,
            )
        torch.manual_seed(recipe.seed)
        module = blueprint.build()
        require_parameters(module, blueprint.architecture)
        if run.begin_with is not None:
            begin_as(module, blueprint, run.begin_with)
        else:
            if not (run.folder / NAME).is_file():  # what goes on has its weights from there
                begin_at_rates(module, blueprint.question, data)
            begin_with_its_file(blueprint.architecture, module[1])  # a file that has a head has its offsets
        module = module.to(memory_format=torch.channels_last)
        self.ema = None if recipe.ema is None else averaged(module, recipe.ema).to(self.fabric.device)
        self.module: Any
        # Handed over compiled, it is compiled within Fabric's wrapper; to compile that wrapper under autocast recurses.
        trained: Any = torch.compile(module) if recipe.compile else module
        # A fused step takes the scale of 16-mixed off the gradients itself, too late for them to be clipped before.
        fused = recipe.clip is None or self.fabric.strategy.precision.precision != "16-mixed"
        self.module, self.optimiser = self.fabric.setup(trained, make_optimiser(module, recipe, fused=fused))
        self._try(module)
        self.layers = [part for part in module.modules() if isinstance(part, nn.Linear) and part.weight.requires_grad]
        if self.fabric.global_rank:
            torch.manual_seed(recipe.seed + self.fabric.global_rank)  # every process drops other units
        self.steps = recipe.steps_per_epoch(data.epoch_size)
        self.validation = data.validation_data()
        # A likelihood is in no unit; squared errors are, and were once in the labels' own.
        self.progress = TrainingProgress(units=() if LOG_VARIANCE in blueprint.heads else blueprint.output_std)
        self.sums: dict[str, Tensor] = {}  # of each term's batch means in the epoch under way

    def _try(self, module: nn.Sequential) -> None:
        """Try the student on two examples, or on one if a step has no more; more would find nothing else."""
        n, plan = min(2, self.batch_size // self.fabric.world_size), self.blueprint
        inputs = self.data.examples.inputs[:n].to(self.fabric.device)
        with self.fabric.autocast():
            require_outputs(module[:-1], plan.architecture, inputs, width=plan.width, question=plan.question)
            if self.fabric.device.type == "cpu" and self.fabric.strategy.precision.precision == "bf16-mixed":
                require_gradients_in_bf16(module[:-1], plan.architecture, inputs)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Restore the last checkpoint, if there is one, with its random state.

        Raises:
            TrainingError: it is damaged, or was saved by another number of processes.
        """
        checkpoint = load_checkpoint(self.run.folder)
        if checkpoint is None:
            return
        try:
            self._restore(checkpoint)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise unusable(self.run.folder / NAME, error) from error

    def _restore(self, checkpoint: dict[str, Any]) -> None:
        random = checkpoint["random"]
        processes = len(random) if random.ndim == 2 else 1
        if processes != self.fabric.world_size:
            raise ValueError(f"it was saved by {processes} processes and not by {self.fabric.world_size}")
        self.module.module.load_state_dict(checkpoint["student"])
        self.optimiser.load_state_dict(checkpoint["optimiser"])
        if self.ema is not None:
            self.ema.load_state_dict(checkpoint["ema"])
        if "precision" in checkpoint:
            self.fabric.strategy.precision.load_state_dict(checkpoint["precision"])
        progress = TrainingProgress(**checkpoint["progress"])
        if progress.history and progress.units != self.progress.units:
            raise ValueError("its validation losses are in other units than those to come")
        self.progress = progress
        # A copy: set_rng_state crashes on a row that is a view into a matrix (PyTorch 2.14).
        torch.set_rng_state(random if processes == 1 else random[self.fabric.global_rank].clone())
        if self.fabric.device.type == "cuda" and checkpoint["random_cuda"]:
            torch.cuda.set_rng_state(checkpoint["random_cuda"][self.fabric.global_rank].clone(), self.fabric.device)

    def checkpoint(self) -> None:
        """Save a checkpoint. If there are several processes, all must call it at the same step.

        Raises:
            TrainingError: the loss is not finite, so that resuming would be useless.
        """
        self._mean_terms()
        self.progress.sums = {name: mean_of(self.fabric, value) for name, value in self.sums.items()}
        state = {
            "student": self.module.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "progress": vars(self.progress),
            "random": rows_of(self.fabric, torch.get_rng_state()),
            "random_cuda": self._random_cuda(),
        }
        if scaler := self.fabric.strategy.precision.state_dict():
            state["precision"] = scaler  # the loss scale of 16-mixed
        if self.fabric.is_global_zero:
            save_checkpoint(self.run.folder, state)
            drop_best_files(self.run.folder, but=self.progress.best_epoch)
        self._saved = time.monotonic()

    def _random_cuda(self) -> list[Tensor]:
        if self.fabric.device.type != "cuda":
            return []
        return list(rows_of(self.fabric, torch.cuda.get_rng_state(self.fabric.device)).view(self.fabric.world_size, -1))

    def _pause(self, *, after: float) -> None:
        """Save if the last checkpoint is older than ``after`` seconds; save and stop if somebody asked for it."""
        late = time.monotonic() - self._saved >= after
        stop, save_now = any_says(self.fabric, self.interrupt.asked, late)
        if stop or save_now:
            self._tick()
            self.checkpoint()
        if stop:
            raise KeyboardInterrupt

    # --- running ----------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Train until the last epoch, or until ``recipe.patience`` epochs brought no improvement.

        Raises:
            TrainingError: the loss is not finite.
            KeyboardInterrupt: a signal or ``run.watch`` asked to stop; the checkpoint is saved.
        """
        self._clock = self._saved = time.monotonic()
        with Interrupt() as self.interrupt, Events(self.run.folder, self.progress.epoch, self.fabric) as events:
            while not self.finished:
                self._epoch()
                events.write(self._end_of_epoch())
                # The last epoch is always worth a checkpoint: a kill from here on costs nothing.
                self._pause(after=0.0 if self.finished else min(self.run.checkpoint_seconds, SOON))

    @property
    def finished(self) -> bool:
        """Whether the last epoch is over, or ``recipe.patience`` epochs brought no improvement."""
        progress, patience = self.progress, self.recipe.patience
        impatient = patience is not None and progress.epoch - (progress.best_epoch or 0) >= patience
        return impatient or progress.epoch >= self.recipe.epochs

    def _epoch(self) -> None:
        progress, world = self.progress, self.fabric.world_size
        self.module.train()
        self.sums = {name: self._sum(value) for name, value in progress.sums.items()}
        for batch in self._batches():
            self._step(batch)
            self._watch()
            if world == 1 or progress.step % MEETING == 0:
                self._pause(after=self.run.checkpoint_seconds)

    def _batches(self) -> Iterator[Batch]:
        """The remaining batches of the epoch. If examples cannot be read any more, a checkpoint is saved first."""
        with self._saved_first():
            yield from self.data.batches(
                self._own_showings(),
                epoch=self.progress.epoch,
                batch_size=self.batch_size // self.fabric.world_size,
                device=self.fabric.device,
            )

    @contextmanager
    def _saved_first(self) -> Iterator[None]:
        """Save a checkpoint before an error of reading is raised: no step is half done then.

        Only a lone process does so, because several would all have to save at the same step.
        """
        try:
            yield
        except InputError:
            if self.fabric.world_size == 1:
                self._tick()
                self.checkpoint()
            raise

    def _own_showings(self) -> Tensor:
        """The remaining showings of this epoch for this process: its even share of every batch."""
        progress, size, world = self.progress, self.batch_size, self.fabric.world_size
        showings = self.data.showings(progress.epoch, seed=self.recipe.seed)
        left = showings[progress.step * size : self.steps * size]
        return left.view(-1, world, size // world)[:, self.fabric.global_rank].reshape(-1)

    def _step(self, batch: Batch) -> None:
        progress, recipe = self.progress, self.recipe
        rate = recipe.rate(progress.epoch * self.steps + progress.step, recipe.epochs * self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        terms = self.objective(self._outputs(batch.inputs), batch.soft_targets, batch.labels)
        means = {name: term.mean() for name, term in terms.items()}
        loss = total(means)
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        if recipe.clip is not None:
            self.fabric.clip_gradients(self.module, self.optimiser, max_norm=recipe.clip, error_if_nonfinite=False)
        self.optimiser.step()
        if recipe.max_norm is not None:
            constrain(self.layers, recipe.max_norm)
        if self.ema is not None:
            self.ema.update_parameters(self.module.module)
        for name, mean in means.items():
            if name not in self.sums:
                self.sums[name] = self._sum(0.0)
            self.sums[name] += mean.detach()
        progress.step += 1
        progress.loss_rows += 1

    def _outputs(self, inputs: Tensor) -> Outputs:
        """The outputs of the student, the same to the bit as those of Fabric's wrapper.

        A lone process goes around the wrapper: its passes over inputs and outputs and its hooks take 0.07 ms, a
        hundredth of a small student's step in bf16.
        """
        if self.fabric.world_size > 1 or self.recipe.compile:
            outputs: Outputs = self.module(inputs)
            return outputs
        with self.fabric.autocast():
            found: Outputs = self.module.module(inputs)
        return {name: part.float() for name, part in found.items()}

    def _watch(self) -> None:
        if self.run.watch is None:
            return
        try:
            self.run.watch(self.progress, self.steps, self.recipe.epochs)
        except KeyboardInterrupt:  # the step is whole here, so this is as polite as a signal
            self.interrupt.asked = True

    def _end_of_epoch(self) -> dict[str, Any]:
        progress = self.progress
        terms = self._mean_terms()
        self._tick()
        record: dict[str, Any] = {
            "epoch": progress.epoch + 1,
            "train_loss": sum(terms.values()),
            **{f"train_{name}": value for name, value in terms.items()},
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            "seconds": round(progress.seconds, 3),
        }
        if self.validation is not None:
            record |= self._validated(self.validation)
        if record.get("validation_loss", math.inf) < progress.best_loss:
            progress.best_epoch, progress.best_loss = record["epoch"], record["validation_loss"]
            self._save_best(record["epoch"])
        progress.history.append(record)
        progress.epoch, progress.step = progress.epoch + 1, 0
        self.sums, progress.sums, progress.loss_rows = {}, {}, 0
        self._write_history()
        return record

    def _sum(self, value: float) -> Tensor:
        return torch.full((), value, dtype=sum_dtype(self.fabric.device), device=self.fabric.device)

    def _mean_terms(self) -> dict[str, float]:
        """The mean of each term over the epoch's steps so far; the sum of the terms is the loss.

        Raises:
            DivergedError: the loss is not finite.
        """
        steps = max(1, self.progress.loss_rows)
        terms = {name: mean_of(self.fabric, value) / steps for name, value in self.sums.items()}
        if not math.isfinite(loss := sum(terms.values())):
            raise self._diverged("the loss is", received=loss)
        return terms

    def _diverged(self, what: str, received: object = None) -> DivergedError:
        hint = "try a lower --learning-rate, --clip 1.0 or a lower --temperature"
        return DivergedError(f"{what} not finite in epoch {self.progress.epoch + 1}", received=received, hint=hint)

    def _validated(self, validation: TrainingData) -> dict[str, float]:
        """Validate in the first process, and give all processes its numbers, so that all stop at the same epoch.

        Their own numbers may differ, because each batch norm has seen other examples.

        Raises:
            DivergedError: the last steps of the epoch left weights that are not finite.
        """
        if not all(bool(part.isfinite().all()) for part in (*self.student.parameters(), *self.student.buffers())):
            raise self._diverged("the student's weights are")
        with self._saved_first():
            found = validate(self.student, validation, self.fabric.device) if self.fabric.is_global_zero else {}
        return self.fabric.broadcast(found)

    # --- what comes out ---------------------------------------------------------------------------------------------

    @property
    def student(self) -> nn.Sequential:
        """The present student: its moving average if the recipe has one."""
        module: Any = self.module.module if self.ema is None else self.ema.module
        student: nn.Sequential = module
        return student

    def best_module(self) -> nn.Sequential:
        """The student to keep, in evaluation mode: that of the best epoch or of the last, as `Recipe.keep` says."""
        if self.recipe.keep == "best" and self.progress.best_epoch is not None:
            load_weights(self.student, best_file(self.run.folder, self.progress.best_epoch))
        return self.student.eval()

    def _save_best(self, epoch: int) -> None:
        if self.fabric.is_global_zero and self.recipe.keep == "best":
            with durable_file(best_file(self.run.folder, epoch)) as file:
                file.write(save(state_of(self.student)))

    def _write_history(self) -> None:
        if self.fabric.is_global_zero:
            with durable_file(self.run.folder / METRICS) as file:
                file.writelines(json.dumps(record).encode() + b"\n" for record in self.progress.history)

    def _tick(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._clock
        self._clock = now
