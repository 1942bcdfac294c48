"""What "auto" stands for: values that depend on the rows, the solver, the loss and the task.

Each value was chosen by ``tests/benchmarks/compare_accuracy.py`` on its tables ``DECIDED`` and
``TUNED``. "auto" neither raises nor warns: where the solver or the loss excludes a part, the part
is off.
"""

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.schedules import SCHEDULES

#: Up to this number of rows, training uses all rows in each step, and no part that treats a row of
#: weight 2 in another way than two rows.
FULL_BATCH_ROWS = 60
#: Share held out, with many rows and with few. Above `FULL_BATCH_ROWS`, early stopping always pays
#: for its rows. Measured over scikit-learn's: "few_classes", log-loss 1.14 without held-out rows
#: and .81 with them, error .75 and .69; "few_numbers", RMSE 1.03 and .97. Over a share of 0.15,
#: error and log-loss of "few_classes": .98, .99 with 0.12; .99, .99 with 0.1; "few_numbers" equal.
HELD_SHARE, HELD_SHARE_OF_FEW_ROWS = 0.1, 0.12
#: From this number of rows on, parts pay that add many parameters, and larger batches.
MANY_ROWS = 1000
#: Embedding of numbers, for classes and for numbers. Measured, error over that without one:
#: "classes", periodic .965 (log-loss .98), splines .94 (.99), but splines of all columns cost ring
#: 1.8 and texture 3.4 times scikit-learn's error, cosines 1.05 and 1.6; six tables of numbers,
#: periodic .98, splines .94. "rare", mean AUC: .851 without, splines .851, periodic .835; a made-up
#: rare label, threshold of two columns: AUC .65 without, splines .99.
EMBEDDING_OF_NUMBERS = {True: "periodic", False: "ple"}
#: Classes have one from this number of rows on, with at most so many columns of numbers. Measured
#: on 15 tables, error and log-loss without one over those with it: 1,200 rows .92 and .92; 2,400
#: rows .93, .91; 5,000 rows 1.05, .99, with at most 10 columns 1.03, 1.02, with more .99, .95.
ROWS_TO_EMBED_CLASSES, COLUMNS_TO_EMBED_CLASSES = 4000, 16
#: Steps of a training without validation rows.
STEPS_WITHOUT_HOLD_OUT = 2000
#: From these numbers of rows on, batches have so many rows, for classes and for numbers. Measured
#: over 256 rows at a rate of 0.02 (numbers 0.012): error, log-loss and CPU seconds of classes (15
#: tables), 1,200 rows, 32: .89, .91, 1.8; 2,400 rows, 64: .98, .97, 1.5; 5,000 rows, 128: .94, .93,
#: 1.4; 10,000 rows, 128: equal. RMSE and CPU seconds of numbers (20 tables), 1,200 rows, 64: .97,
#: 1.2; 2,000 rows, 64: .97, 1.1; 5,000 rows, 128: 1.00, 1.2.
BATCHES = {
    True: {0: 32, 2000: 64, 3000: 128, 6000: 256, 100_000: 512, 400_000: 1024},
    False: {0: 32, 1000: 64, 3000: 256, 100_000: 512, 400_000: 1024},
}
#: From this number of rows on, a budget of rows that are seen replaces patience: so many in all, in
#: epochs between these bounds, while the rate falls to zero by a cosine. Measured, test error and
#: CPU seconds, with patience and so: delays of 307,000 flights .379 in 125 s, .377 in 16 s; whether
#: they are late .203 in 89 s, .197 in 16 s (without dropout); R2 of a made-up target of 500,000
#: rows .9165 in 81 s, .9174 in 22 s. Below, both are about equal: 43,000 diamonds .0894 in 2.5 s,
#: .0873 in 3.6 s; 39,000 adults .141 in 3.9 s, .143 in 4.7 s.
MANY_ROWS_TO_SEE, ROWS_SEEN, EPOCHS = 100_000, 6_000_000, (6, 30)
#: Epochs over which the weights are averaged; and with a schedule that ends at a rate near zero.
HORIZON, HORIZON_OF_SCHEDULES = 6.0, 1.0
#: The learning rate of full batches for classes and for numbers, near scikit-learn's. At higher
#: rates they fit the rows exactly, and Adam then makes large steps of rounding errors.
FULL_BATCH_RATE = {True: 1.5e-3, False: 1e-3}
#: The learning rate of batches of up to so many rows, for classes and for numbers.
RATES = {
    True: {64: 3e-3, 128: 5e-3, 256: 1e-2, inf: 2e-2},
    False: {32: 3e-3, inf: 1.2e-2},
}
#: Label smoothing from these numbers of rows on, where the result is calibrated and no class is
#: rare. Measured at 1 positive in 1,000: AUC .42 with it, .99 without. Error and log-loss of 15
#: tables with 0.05 over those with 0.1: 1,200 rows 1.00, .96; 2,400 rows 1.01, .98; 5,000 rows
#: 1.01, .98; below 1,000 rows, log-losses .82 and .85 of scikit-learn's.
SMOOTHING = {0: 0.05, 2000: 0.1}
#: Dropout of classes from these numbers of rows on. Measured, error, log-loss and seconds without
#: it over those with 0.1: 1,200 and 2,400 rows 1.01, 1.02, .8 (15 tables); 5,000 rows .99, .99, .8;
#: 10,000 rows .98, .97, .6; 30,000 rows .96, .95, .8 (two tables). For numbers it never pays.
DROPOUT = {0: 0.1, 4000: 0.0}
#: Share of the rarest class times the number of classes below which labels are not smoothed.
LEAST_BALANCE = 0.1
#: Decay of the weights with many rows; with few, for classes and for numbers. Measured on 330 rows,
#: ratios of RMSE to scikit-learn's: diabetes 1.19 with 0.03, .99 with 0.1.
DECAY, DECAY_OF_FEW_ROWS = 0.01, {True: 0.3, False: 0.1}
#: Probability that an embedded level is replaced by the unknown one in a step. Measured with a
#: useless column of 300 levels, 10,000 rows: error of classes 1.05 without, 1.01 with it.
EMBEDDING_DROPOUT = 0.25
#: Patience in epochs with many rows, and with few, whose epochs have few steps. Measured: 8 and 6
#: have equal errors, 8 takes 1.1 times as long.
PATIENCE, PATIENCE_OF_FEW_ROWS = 6, 30
#: The schedules that start at their largest rate.
WARMED_UP = "constant", "invscaling", "adaptive", "cosine"
#: Not continued from the first call: at the end of a schedule the rate is zero.
NEW_IN_EACH_CALL = frozenset({"learning_rate"})


class Facts(NamedTuple):
    """What the values depend on, besides the other parameters.

    Attributes
    ----------
    n_rows : int
        Training rows, those of validation included.
    is_class : bool
    n_numbers : int
        Columns of numbers.
    balance : float
        Share of the rarest class times the number of classes: 1 if all are equal.
    is_sparse : bool
        Whether the network's input is sparse.
    is_given : bool
        Whether validation rows are given.
    incremental : bool
        Whether the call is `partial_fit`.
    """

    n_rows: int
    is_class: bool
    n_numbers: int = 1
    balance: float = 1.0
    is_sparse: bool = False
    is_given: bool = False
    incremental: bool = False


def resolved(
    p: Mapping[str, Any], facts: Facts, earlier: Mapping[str, Any] = MappingProxyType({})
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters without "auto", and those of them that were "auto".

    Added are "is_budget", whether training may end at `max_iter` without a warning; "is_usual",
    whether nothing was given that can keep a network from learning; and "asks_to_stop", whether
    early stopping was given.

    Parameters
    ----------
    p : mapping
        Checked parameters.
    facts : Facts
    earlier : mapping, optional
        What the first call has chosen, from which training continues.
    """
    asked = [name for name, value in p.items() if isinstance(value, str) and value == "auto"]
    asked = [name for name in asked if name in RULES]
    found, chosen = dict(p), {}
    for name in RULES:  # in this order: later rules see what earlier ones have chosen
        if name in asked:
            is_known = name in earlier and name not in NEW_IN_EACH_CALL
            found[name] = earlier[name] if is_known else RULES[name](_Case(found, facts, p))
            chosen[name] = found[name]
    if "dropout" in chosen:
        found["dropout"] = (chosen["dropout"],) * len(p["hidden_layer_sizes"])
    trains_to_the_end = found["cv"] is not None and not found["early_stopping"]
    found["is_usual"] = {"alpha", "learning_rate_init", "weight_decay", "dropout"} <= chosen.keys()
    found["asks_to_stop"] = "early_stopping" not in chosen
    found["is_budget"] = "max_iter" in chosen or trains_to_the_end
    return found, chosen


class _Case:
    """The parameters so far, and the facts."""

    def __init__(self, p: Mapping[str, Any], facts: Facts, asked: Mapping[str, Any]) -> None:
        self.p, self.facts, self._asked = p, facts, asked
        solver = OPTIMIZERS.get(p["solver"])
        self.scale_free = solver is not None and solver.scale_free
        self.decays = solver is not None and solver.decays
        #: Whether the parts of the default are on.
        self.is_on = self.scale_free and facts.n_rows > FULL_BATCH_ROWS
        self.is_entropy = facts.is_class and p["loss"] == "log_loss"

    @property
    def validates(self) -> bool:
        return bool(self.p["early_stopping"] or self.folds or self.facts.is_given)

    @property
    def is_rich(self) -> bool:
        """Whether there are rows enough for parts that add many parameters."""
        return self.is_on and self.facts.n_rows >= MANY_ROWS

    @property
    def embeds_numbers(self) -> bool:
        """Whether an embedding of numbers pays."""
        facts = self.facts
        has_numbers = facts.n_numbers > 0 and not facts.is_sparse
        if facts.is_class and not self.has_rare_class:
            is_large = facts.n_rows >= ROWS_TO_EMBED_CLASSES
            has_numbers = has_numbers and is_large and facts.n_numbers <= COLUMNS_TO_EMBED_CLASSES
        return self.is_rich and has_numbers and bool(self.p["hidden_layer_sizes"])

    @property
    def has_rare_class(self) -> bool:
        """Whether a class is so rare that it is treated with care."""
        return self.facts.balance < LEAST_BALANCE

    @property
    def folds(self) -> bool:
        return self.p["cv"] is not None and not self.facts.incremental

    def asked_for(self, name: str) -> bool:
        """Whether the user gave a value to a parameter."""
        return not (isinstance(self._asked[name], str) and self._asked[name] == "auto")

    @property
    def is_scheduled(self) -> bool:
        """Whether the schedule has a horizon, at whose end the rate is near zero."""
        schedule = self.p["learning_rate"]
        return isinstance(schedule, str) and SCHEDULES[schedule].has_horizon


def _from(values: Mapping[int, Any], n_rows: int) -> Any:
    """Return the value of the largest key that is at most `n_rows`."""
    return values[max(least for least in values if least <= n_rows)]


def _batch_size(case: _Case) -> int:
    if not case.scale_free:
        return 200
    if not case.is_on:
        return max(case.facts.n_rows, 1)
    return _from(BATCHES[case.facts.is_class], case.facts.n_rows)


def _learning_rate(case: _Case) -> float:
    if not case.scale_free:
        return 1e-3
    if not case.is_on:
        return FULL_BATCH_RATE[case.facts.is_class]
    n_rows = min(case.p["batch_size"], case.facts.n_rows)
    return next(rate for most, rate in RATES[case.facts.is_class].items() if n_rows <= most)


def _schedule(case: _Case) -> str:
    """A cosine runs to its end: it is only chosen where nothing is said about the end."""
    asked = case.asked_for
    is_free = not asked("max_iter") and not asked("n_iter_no_change") and case.p["max_time"] is None
    is_large = case.is_on and case.facts.n_rows >= MANY_ROWS_TO_SEE
    return "cosine" if is_large and is_free and not case.facts.incremental else "constant"


def _max_iter(case: _Case) -> int:
    if not case.is_on or case.facts.incremental:
        return 200
    if case.p["learning_rate"] == "cosine" and not case.asked_for("learning_rate"):
        return int(np.clip(ROWS_SEEN // case.facts.n_rows, *EPOCHS))
    if case.validates:
        return 100 if case.is_rich else 200
    n_batches = -(-case.facts.n_rows // case.p["batch_size"])
    return max(1, -(-STEPS_WITHOUT_HOLD_OUT // n_batches))


def _patience(case: _Case) -> int:
    if not (case.is_on and case.validates):
        return 10
    return PATIENCE if case.is_rich else PATIENCE_OF_FEW_ROWS


def _tempers(case: _Case) -> str | None:
    averages = case.p["averaging"] is not None
    return "temperature" if averages and case.is_entropy and case.validates else None


def _smoothing(case: _Case) -> float:
    """Smoothing gives a share of ``SMOOTHING / K`` to each of K classes, and hides a rarer one."""
    if not (_tempers(case) and case.p["calibration"]) or case.has_rare_class:
        return 0.0
    return _from(SMOOTHING, case.facts.n_rows)


#: Parameter -> what "auto" stands for.
RULES: dict[str, Any] = {
    "early_stopping": lambda c: c.is_on and not c.facts.incremental,
    "validation_fraction": lambda c: (
        HELD_SHARE_OF_FEW_ROWS if c.is_on and not c.is_rich else HELD_SHARE
    ),
    "scoring": lambda c: "loss" if c.is_on and not c.asked_for("early_stopping") else None,
    "learning_rate": _schedule,
    "batch_size": _batch_size,
    "learning_rate_init": _learning_rate,
    "max_iter": _max_iter,
    "n_iter_no_change": _patience,
    "warmup": lambda c: 1.8 if c.is_on and c.p["learning_rate"] in WARMED_UP else 0,
    "alpha": lambda c: 0.0 if c.decays else 5e-7,
    "weight_decay": lambda c: (
        DECAY_OF_FEW_ROWS[c.facts.is_class]
        if c.is_on and not c.is_rich and not c.facts.incremental
        else DECAY
    ),
    "dropout": lambda c: _from(DROPOUT, c.facts.n_rows) if c.is_on and c.facts.is_class else 0.0,
    "averaging": lambda c: (
        None if not c.is_on else HORIZON_OF_SCHEDULES if c.is_scheduled else HORIZON
    ),
    "calibration": _tempers,
    "label_smoothing": _smoothing,
    "input_scaling_layer": lambda c: (
        c.is_on and bool(c.p["hidden_layer_sizes"]) and (c.is_rich or not c.facts.is_class)
    ),
    "numeric_embedding": lambda c: (
        EMBEDDING_OF_NUMBERS[c.facts.is_class and not c.has_rare_class]
        if c.embeds_numbers
        else None
    ),
    "clip_predictions": lambda c: c.p["averaging"] is not None and not c.facts.is_class,
    "embedding_dropout": lambda c: EMBEDDING_DROPOUT if c.is_on else 0.0,
    "min_frequency": lambda c: 10 if c.is_on else 0.0,
}
