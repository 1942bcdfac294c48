"""Compiled epochs: when a fit uses them, and how they run.

A fit runs compiled epochs if numba is installed and works, each part of the network has a compiled
twin, and the fit is long enough. What is compiled is special to a kind of network: its activations,
loss, optimizer and options. A short fit is compiled if that costs nothing, because a longer one of
its kind was compiled in this process; or if a program has imported ``kernels`` itself.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from math import inf
from typing import Any, ClassVar

import numpy as np
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.batches import Batches
from sknet._engine.compiled_plan import Codes, Plan, parts_of, segments_of, twin_of
from sknet._engine.network import Network
from sknet._engine.one_hot import OneHot
from sknet._engine.optimizers import Optimizer, scalar_if_equal

#: Estimated duration of a fit in numpy, in seconds, from which on it is compiled. The import of
#: numba takes 1 s; where the cache is empty, compiling a kind of network takes 6 to 8 s of CPU.
NUMBA_MIN_SECONDS = 3.0
COMPILING = (
    "sknet compiles its training loop for this kind of network, which takes about ten seconds, once"
    " for this machine and this version: it is kept in {path}. To do this beforehand, run"
    " python -m sknet.compile"
)
NOT_KEPT = (
    "numba finds no folder in which it can keep what it compiles, so that each process compiles the"
    " training loop anew, about ten seconds for each kind of network. Set NUMBA_CACHE_DIR to a"
    " folder that can be written, or SKNET_DISABLE_NUMBA=1 to train in numpy."
)
LOGGER = logging.getLogger("sknet")
#: Rough model of a numpy step: seconds of call overhead, and floating-point operations per second.
STEP_OVERHEAD_SECONDS = 60e-6
OPERATIONS_PER_SECOND = 1e11
#: Multiply-adds per call of compiled code. Python reacts to Ctrl-C between the calls.
CALL_MULTIPLY_ADDS = 1 << 31
#: Elements of the dropout masks of the steps of a call, which fit the second-level cache. With a
#: call per step, epochs took 20 % longer at 32 rows and (32, 16) units.
CALL_MASK_ELEMENTS = 1 << 16
#: Multiply-adds of a forward pass from which on threads share the rows of a step. Measured: with
#: 2^27, a step of (256, 256) hidden units and 2000 rows took 442 us instead of 614.
THREADED_STEP_MULTIPLY_ADDS = 1 << 27
#: Minimum rows of a step per thread.
MIN_ROWS_PER_THREAD = 64
#: Minimum parameters of an update per thread.
MIN_PARAMETERS_PER_THREAD = 1 << 17


@cache
def numba_is_installed() -> bool:
    """Whether numba is installed."""
    return find_spec("numba") is not None


def numba_is_disabled() -> bool:
    """Whether the environment variable SKNET_DISABLE_NUMBA is set, and is not empty or 0."""
    return os.environ.get("SKNET_DISABLE_NUMBA", "0") not in ("", "0")


class _Broken:
    """Whether numba has failed in this process: it is not tried again, and warned of once."""

    failed = False

    @classmethod
    def warn(cls, why: str) -> None:
        """Note that numba cannot be used, and say why."""
        cls.failed = True
        warnings.warn(
            f"numba is installed but cannot be used: {why}. Training goes on with numpy, more"
            " slowly and with the same result. Update or remove numba, or set"
            " SKNET_DISABLE_NUMBA=1 to silence this warning.",
            RuntimeWarning,
            stacklevel=3,
        )


def working_kernels() -> Any:
    """Return the compiled functions; None, with one warning, where numba does not work.

    An incompatible numba may raise anything when it is imported or when it decorates a function.
    """
    if _Broken.failed:
        return None
    try:
        _Loaded.by_a_fit = not _Loaded.by_a_program()
        from sknet._engine import kernels

        if not sys.modules["numba"].config.DISABLE_JIT:
            return kernels
        why = "NUMBA_DISABLE_JIT is set"
    except Exception as error:
        why = _in_words(error)
    _Broken.warn(why)
    return None


class _Loaded:
    """What this process has compiled, and whether a fit has imported the kernels."""

    kinds: ClassVar[set[Any]] = set()
    by_a_fit = False
    #: Whether it was said that nothing is kept.
    warned = False

    @classmethod
    def by_a_program(cls) -> bool:
        """Whether a program has imported the kernels itself: then short fits are compiled too."""
        return "sknet._engine.kernels" in sys.modules and not cls.by_a_fit


def _announce(path: str | None, say: Callable[[str], None] | None) -> None:
    """Announce that this fit compiles, and keeps it in the folder `path`."""
    if path is None:
        if not _Loaded.warned:
            _Loaded.warned = True
            warnings.warn(NOT_KEPT, RuntimeWarning, stacklevel=2)
        return
    words = COMPILING.format(path=path)
    LOGGER.info(words)
    if say is not None:
        say(words)


def _in_words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def expected_seconds(n_steps: float, multiply_adds: int) -> float:
    """Return a rough estimate of the time that `n_steps` steps take in numpy."""
    # 6 operations: a multiplication and an addition in each of three products per layer
    return n_steps * (STEP_OVERHEAD_SECONDS + 6 * multiply_adds / OPERATIONS_PER_SECOND)


class CompiledEpoch:
    """Trains some members for one epoch, by the functions of ``kernels``.

    The threads of the network's team share the members, or the rows of each step if steps are
    long. ``CompiledEpoch.of`` returns None if the numpy loop must be used instead.

    Parameters
    ----------
    network, optimizer, batches : Network, Optimizer, Batches
    codes : Codes

    Attributes
    ----------
    n_threads : int
        Threads that call BLAS at the same time.
    kind : tuple
        What the compiled functions are special to.
    """

    def __init__(
        self, network: Network, optimizer: Optimizer, batches: Batches, codes: Codes
    ) -> None:
        from sknet._engine import kernels

        self.kernels, self.team = kernels, network.team
        self.network, self.optimizer = network, optimizer
        n_members, dtype = network.n_members, network.theta.dtype
        alike = batches.rows is None and batches.smoothing is None
        one = batches.of([0])
        self.batches = [one if alike else batches.of([k]) for k in range(n_members)]
        plan = Plan(kernels, network, codes)
        self.program, self.loss = plan.program, codes.loss
        clip = None if optimizer.clip_norm is None else float(optimizer.clip_norm)
        self.rule = kernels.Rule(codes.direction, codes.numbers, clip)
        self.segments = segments_of(kernels, network, optimizer)
        w = np.empty(0, dtype) if batches.w is None else batches.w
        slope, shift = batches.smoothing or (np.ones(n_members), np.zeros(n_members))
        Y, n_classes = batches.Y, 0
        if isinstance(Y, OneHot):  # its own numbers are a slope and a shift too
            slope, shift = slope * (Y.on - Y.off), slope * Y.off + shift
            Y, n_classes = Y.codes.astype(dtype)[:, None], Y.shape[1]
        self.data = [
            kernels.Data(batches.X, Y, own, float(a), float(b), n_classes)
            for own, a, b in zip(w if w.ndim == 2 else [w] * n_members, slope, shift, strict=True)
        ]
        places = plan.program.layers["mask"].tolist()
        self.masked = [
            (layer, place)
            for layer, place in zip(network.layers, places, strict=True)
            if layer.n_masked
        ]
        size, n_states = max(own.batch_size for own in self.batches), len(optimizer.arrays)
        products = sum(layer.multiply_adds for layer in network.layers)
        # members are independent; dropout and embeddings need one thread for all rows of a member
        self.n_member_threads = self.team.size if n_members >= self.team.size else 1
        long = size * products >= THREADED_STEP_MULTIPLY_ADDS
        one_thread = any(layer.one_thread for layer in network.layers)
        shares_rows = long and self.n_member_threads == 1 and not one_thread
        self.n_row_threads = self.team.n_shares(size, MIN_ROWS_PER_THREAD) if shares_rows else 1
        self.n_threads = max(self.n_row_threads, self.n_member_threads)
        n_rows = -(-size // self.n_row_threads)
        self.memories = [plan.memory(n_rows, n_states) for _ in range(self.n_threads)]
        longest = max(own.n_samples for own in self.batches)
        self.orders = np.empty((self.n_member_threads, longest), np.intp)
        self.grads = np.empty((self.n_threads, network.layout.dense.stop), dtype)
        n_masked, n_steps = plan.program.n_masked, CALL_MULTIPLY_ADDS // (3 * size * products)
        if n_masked:
            n_steps = min(n_steps, CALL_MASK_ELEMENTS // (size * n_masked))
        self.steps_per_call = max(1, n_steps)
        n_masks = min(self.steps_per_call * size, longest) * n_masked
        self.masks = [np.empty(n_masks, dtype) for _ in range(self.n_member_threads)]
        embeds, shares = self.memories[0].lazy is not None, self.n_row_threads > 1
        self.kind = *codes.kind, dtype, clip is None, embeds, shares

    @classmethod
    def of(
        cls,
        network: Network,
        optimizer: Optimizer,
        batches: Batches,
        max_iter: float = inf,
        say: Callable[[str], None] | None = None,
    ) -> "CompiledEpoch | None":
        """Return a compiled epoch; None if the numpy loop must be used.

        `max_iter` is the number of epochs, which decides whether it is worth to compile. Before
        something is compiled, `say` is called with the announcement.
        """
        n_members = network.n_members
        n_batches = [batches.batches_of(k) for k in range(n_members)]
        if min(n_batches) == 1 or scipy.sparse.issparse(batches.X):
            return None
        if numba_is_disabled() or not numba_is_installed():
            return None
        if None in map(twin_of, parts_of(network, optimizer)):
            return None  # saves the import of numba
        products = batches.batch_size * sum(layer.multiply_adds for layer in network.layers)
        seconds = expected_seconds(max_iter * sum(n_batches), products)
        pays = seconds >= NUMBA_MIN_SECONDS or _Loaded.by_a_program()
        if not (pays or _Loaded.kinds):
            return None
        kernels = working_kernels()
        codes = None if kernels is None else Codes.of(kernels, network, optimizer)
        if codes is None:
            return None
        epoch = cls(network, optimizer, batches, codes)
        if not (pays or epoch.kind in _Loaded.kinds):
            return None
        try:
            with kernels.before_compiling(partial(_announce, kernels.CACHE_PATH, say)):
                epoch.compile()
        except Exception as error:
            _Broken.warn(_in_words(error))
            return None
        _Loaded.kinds.add(epoch.kind)
        return epoch

    def compile(self) -> None:
        """Compile what the epochs call, by calls that change neither parameters nor generators.

        What cannot be compiled, or not kept on disk, raises here, before training begins.
        """
        theta, rate = self.network.theta[0], np.ones(1)
        state = tuple(own[0][0] for own in self.optimizer.arrays.values())
        rows, memory, masks = np.zeros(1, np.intp), self.memories[0], self.masks[0]
        if self.n_row_threads == 1:
            self.kernels.run_epoch(
                self.program, self.loss, self.data[0], rows[:0], 1, self.segments[0], self.rule,
                rate, 0, theta, self.grads[:1], state, memory, masks,
            )  # fmt: skip
            return
        self.kernels.loss_grad(
            self.program, self.loss, self.data[0], rows, 1, theta, self.grads[0], memory, masks
        )
        self.kernels.update(
            0, 0, self.segments[0], self.rule, 1.0, 1, theta, self.grads[:1], state, memory.lazy
        )

    def __call__(
        self,
        numbers: Sequence[int],
        generators: Sequence[np.random.Generator],
        rates: Sequence[Sequence[float]],
    ) -> Array:
        """Train the members `numbers` for one epoch; return the sum of the row losses of each.

        `generators` has an entry for each member of the network, `rates` one for each of `numbers`:
        the learning rate of each step.
        """
        sums = np.zeros(len(numbers))
        t = np.broadcast_to(self.optimizer.t, self.network.n_members).copy()

        def members(share: int) -> None:
            for place in range(share, len(numbers), self.n_member_threads):
                k = numbers[place]
                own = self.batches[k]
                order = own.shuffled(generators[k], self.orders[share, : own.n_samples])
                eta = np.asarray(rates[place])
                sums[place] = self._member(k, order, eta, int(t[k]), share)

        self.team(members, self.n_member_threads)
        for k, own_rates in zip(numbers, rates, strict=True):
            t[k] += len(own_rates)
        self.optimizer.t = scalar_if_equal(t)
        return sums

    def _member(self, k: int, order: Any, rates: Any, t: int, share: int) -> float:
        """Train member `k`, which has taken `t` steps; return the sum of its row losses."""
        theta = self.network.theta[k]
        state = tuple(own[0][k] for own in self.optimizer.arrays.values())
        if self.n_row_threads > 1:
            return self._steps(k, order, rates, t, theta, state, share)
        grads, masks, total = self.grads[share : share + 1], self.masks[share], 0.0
        size = self.batches[k].batch_size
        rows_per_call = self.steps_per_call * size
        for start in range(0, order.size, rows_per_call):
            rows = order[start : start + rows_per_call]
            self._draw_masks(k, rows.size, masks)
            loss, n_steps = self.kernels.run_epoch(
                self.program, self.loss, self.data[k], rows, size, self.segments[k], self.rule,
                rates[start // size :], t, theta, grads, state, self.memories[share], masks,
            )  # fmt: skip
            total += loss
            t += n_steps
            if not np.isfinite(total):
                break
        return total

    def _steps(
        self, k: int, order: Any, rates: Any, t: int, theta: Any, state: Any, share: int
    ) -> float:
        """Run the steps of an epoch from Python, to share them among threads.

        Threads share the rows for the gradient, then the parameters for the update.
        """
        threads = slice(share, share + self.n_row_threads)
        total, size, memories = 0.0, self.batches[k].batch_size, self.memories[threads]
        all_grads = self.grads[threads]
        n_dense = all_grads.shape[1]
        n_updates = self.team.n_shares(n_dense, MIN_PARAMETERS_PER_THREAD)
        n_updates = min(self.n_row_threads, n_updates) if self.rule.clip_norm is None else 1
        cuts = np.linspace(0, n_dense, n_updates + 1).astype(int).tolist()
        for step, start in enumerate(range(0, order.size, size)):
            rows = order[start : start + size]
            n_shares, n = min(self.n_row_threads, rows.size), rows.size
            grads = all_grads[:n_shares]

            def gradient(j: int, rows: Any = rows, n: int = n, n_shares: int = n_shares) -> float:
                own = rows[j * n // n_shares : (j + 1) * n // n_shares]
                return self.kernels.loss_grad(
                    self.program, self.loss, self.data[k], own, n, theta, all_grads[j],
                    memories[j], self.masks[share],
                )  # fmt: skip

            def update(j: int, step: int = step, grads: Any = grads) -> float:
                return self.kernels.update(
                    cuts[j], cuts[j + 1], self.segments[k], self.rule, rates[step], t + step + 1,
                    theta, grads, state, memories[0].lazy,
                )  # fmt: skip

            value = sum(self.team(gradient, n_shares))
            total += value * n
            if not np.isfinite(value):
                break
            total += sum(self.team(update, n_updates)) * n
        return total

    def _draw_masks(self, k: int, n_rows: int, masks: Any) -> None:
        """Draw the dropout masks of batches of member `k`, in the same order as the numpy loop."""
        if not self.masked:
            return
        size, per_row = self.batches[k].batch_size, self.program.n_masked
        for start in range(0, n_rows, size):
            n = min(size, n_rows - start)
            for layer, place in self.masked:
                at = start * per_row + n * place
                layer.draw(k, masks[at : at + n * layer.n_in].reshape(n, layer.n_in))
