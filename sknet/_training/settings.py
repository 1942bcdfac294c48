"""The settings of training: the constructor's parameters, read once into a frozen record."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from sknet._engine.loss_base import Loss
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS, Solver
from sknet._engine.parameters import Factor, for_members
from sknet._engine.schedules import LearningRate
from sknet._table.encoding import EncodingSettings


@dataclass(frozen=True)
class Settings:
    """The settings of one training, with the names and meanings of the constructor.

    ``Settings.of(p)`` returns the settings of checked parameters. `learning_rate_init`, `alpha`,
    `weight_decay`, `label_smoothing` and each entry of `dropout` may be a sequence with one number
    for each member.

    Attributes
    ----------
    solver : Solver or None
        None is L-BFGS.
    hyper : dict
        Hyper-parameters of the solver.
    batch_size : int or None
        None uses all rows.
    dropout : tuple
        Probabilities for the input and for each hidden layer.
    loss_parameters : dict
        Parameters of the loss.
    patience : float
        Epochs without improvement after which training ends; inf for schedules with a horizon.
    is_budget : bool
        Whether training may end at `max_iter` without a warning.
    is_usual : bool
        Whether penalties, dropout and learning rate are the package's own, so that a constant
        prediction is a matter of the data.
    asks_to_stop : bool
        Whether early stopping was asked for, and not chosen for "auto".
    independent_stopping : bool
        Whether each member has its own stopping rule.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: tuple[str, ...]
    loss_name: str
    loss_parameters: dict[str, Any]
    solver_name: str
    hyper: dict[str, Any]
    alpha: Factor
    dropout: tuple[Factor, ...]
    clip_norm: float | None
    batch_size: int | None
    learning_rate: Any
    learning_rate_init: Factor
    power_t: float
    warmup: float
    max_iter: int
    is_budget: bool
    is_usual: bool
    asks_to_stop: bool
    max_fun: int
    max_time: float | None
    shuffle: bool
    random_state: Any
    tol: float
    verbose: int
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    by_loss: bool
    patience: float
    init: str
    n_members: int
    dtype: str
    label_smoothing: Factor
    target_scaling: bool
    encoding: EncodingSettings
    numeric_embedding: str | None
    n_bins: int | str
    embedding_dropout: float
    input_scaling_layer: bool
    averaging: float | None
    calibration: str | None
    clip_predictions: bool
    independent_stopping: bool = False

    @classmethod
    def of(cls, p: Mapping[str, Any]) -> "Settings":
        """Return the settings of checked parameters (`_params.check`)."""
        solver = OPTIMIZERS.get(p["solver"])
        batch_size = int(p["batch_size"])
        names = {name for loss in LOSSES[p["loss"]].values() for name in loss.parameters}
        schedule = p["learning_rate"]
        has_horizon = solver is not None and LearningRate(schedule, 1.0).has_horizon
        return cls(
            hidden_layer_sizes=p["hidden_layer_sizes"],
            activation=p["activation"],
            loss_name=p["loss"],
            loss_parameters={name: p[name] for name in names},
            solver_name=p["solver"],
            hyper={name: p[name] for name in solver.parameters} if solver else {},
            alpha=float(p["alpha"]),
            dropout=(p["dropout_input"], *p["dropout"]),
            clip_norm=None if p["clip_norm"] is None else float(p["clip_norm"]),
            batch_size=None if solver is None else batch_size,
            learning_rate=schedule,
            learning_rate_init=float(p["learning_rate_init"]),
            power_t=p["power_t"],
            warmup=p["warmup"],
            max_iter=int(p["max_iter"]),
            is_budget=p["is_budget"],
            is_usual=p["is_usual"],
            asks_to_stop=p["asks_to_stop"],
            max_fun=int(p["max_fun"]),
            max_time=p["max_time"],
            shuffle=p["shuffle"],
            random_state=p["random_state"],
            tol=float(p["tol"]),
            verbose=int(p["verbose"]),
            warm_start=bool(p["warm_start"]),
            early_stopping=p["early_stopping"],
            validation_fraction=p["validation_fraction"],
            by_loss=p["scoring"] == "loss",
            patience=inf if has_horizon else float(p["n_iter_no_change"]),
            init=p["init"],
            n_members=int(p["n_members"]),
            dtype=p["dtype"],
            label_smoothing=float(p.get("label_smoothing", 0.0)),
            target_scaling=bool(p.get("target_scaling", False)),
            encoding=EncodingSettings.of(p),
            numeric_embedding=p["numeric_embedding"],
            n_bins=p["n_bins"],
            embedding_dropout=float(p["embedding_dropout"]),
            input_scaling_layer=p["input_scaling_layer"],
            averaging=p["averaging"],
            calibration=p.get("calibration"),
            clip_predictions=p.get("clip_predictions", False),
        )

    @property
    def solver(self) -> Solver | None:
        """The row of ``OPTIMIZERS``; None is L-BFGS."""
        return OPTIMIZERS.get(self.solver_name)

    def loss(self, out_activation: str) -> Loss:
        """Return the loss for this link, with its parameters set."""
        loss = LOSSES[self.loss_name][out_activation]
        return loss.configured(**{name: self.loss_parameters[name] for name in loss.parameters})

    def batch_rows(self, n_samples: int) -> int:
        """Return the number of rows per batch."""
        return n_samples if self.batch_size is None else min(self.batch_size, n_samples)

    @property
    def has_horizon(self) -> bool:
        """Whether the schedule runs to `max_iter` and does not stop at a plateau."""
        return self.solver is not None and LearningRate(self.learning_rate, 1.0).has_horizon

    def learning_rates(self) -> LearningRate | list[LearningRate]:
        """Return one learning rate for all members, or a list with one for each."""
        if isinstance(self.learning_rate_init, float):
            return LearningRate(
                self.learning_rate, self.learning_rate_init, self.power_t, self.warmup
            )
        rates = for_members(self.learning_rate_init, self.n_members)
        return [LearningRate(self.learning_rate, r, self.power_t, self.warmup) for r in rates]

    def average_decay(self, n_batches: int) -> float | None:
        """Return the decay a step of the moving average of the weights; None without one."""
        if self.averaging is None or self.solver is None:
            return None
        return 1.0 - 1.0 / max(2.0, self.averaging * n_batches)

    @property
    def zero_output(self) -> bool:
        """Whether the output layer starts at zero.

        Only for solvers whose step size does not depend on the scale of the gradient. Others learn
        too slowly from zero, because the first gradients of the hidden layers are zero.
        """
        return self.init == "auto" and self.solver is not None and self.solver.scale_free

    def compute_dtype(self, X_dtype: np.dtype, n_samples: int, Y_dtype: str) -> np.dtype:
        """Return the compute dtype for rows in the precision `X_dtype`.

        "auto" is float32 for mini-batches, whose noise is much larger than rounding errors, and the
        precision of X if each step uses all rows; but float64 if the targets need it (`Y_dtype`).
        """
        if self.dtype != "auto":
            return np.dtype(self.dtype)
        full_batch = self.batch_rows(n_samples) == n_samples
        return np.promote_types(X_dtype if full_batch else np.float32, Y_dtype)
