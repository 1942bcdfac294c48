"""The base class of all losses."""

from collections.abc import Callable, Generator
from typing import Any, ClassVar

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.averages import weighted_mean
from sknet._engine.links import ANY_NUMBER, Domain
from sknet._engine.one_hot import Targets, dense

#: Targets whose losses are computed at once.
CHUNK_ELEMENTS = 1 << 14
#: ``look(Y, w)`` returns what it finds in the targets and weights of a part of the rows.
PartLook = Callable[[Any, Array | None], Any]


class Loss:
    """A row of ``LOSSES``: a loss of the raw output Z, combined with a link."""

    #: Parameters of the loss, by their names in the constructor of the estimators.
    parameters: ClassVar[tuple[str, ...]] = ()
    #: The targets that the loss accepts.
    domain: Domain = ANY_NUMBER
    #: Whether single errors cannot dominate the gradient; then the target has a robust scale.
    robust: ClassVar[bool] = False
    #: Whether the loss grows with the square of the error, so that few large ones can dominate it.
    squares: ClassVar[bool] = False
    #: Name of the compiled twin. It is not inherited: a subclass must set its own.
    twin: ClassVar[str | None] = None

    def twin_name(self, own: str) -> str | None:
        """Return the key in ``kernels.LOSSES``, given the `twin` of the class."""
        return own

    def configured(self, **hyper: Any) -> "Loss":
        """Return the loss with other parameters; `hyper` has a value for each of ``parameters``."""
        return type(self)(**hyper) if self.parameters else self

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        """Write the loss of each sample to `loss`; `Z`, `work` and `more` are overwritten.

        Parameters
        ----------
        Y : ndarray (..., n_samples, n_outputs)
            Targets in the domain. One column if out_activation is "increments".
        Z : ndarray (..., n_samples, n_outputs)
            The raw output.
        loss : ndarray (..., n_samples)
            Receives the sum over outputs, neither weighted nor averaged.
        work, more : ndarray (..., n_samples, n_outputs)
            Scratch memory.

        Notes
        -----
        All arrays have one dtype. All but `Y` are C-contiguous.
        """
        raise NotImplementedError

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        """Write dL/dZ, the derivative of `value`, to `delta`; `Z` and `work` are overwritten.

        Parameters
        ----------
        Y, Z, work : ndarray
            As for `value`.
        delta : ndarray (..., n_samples, n_outputs)
            Receives the derivative.

        Notes
        -----
        The caller switches numpy's floating-point warnings off. A fast path may therefore overflow
        before it detects that it cannot be used.
        """
        raise NotImplementedError

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        """Return the constant raw output z that minimises sum_i w_i loss(y_i, z).

        If the minimum is at infinity, returns a finite z near it; if it is not unique, one of them.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_outputs)
            Targets in the domain. One column if out_activation is "increments".
        w : ndarray of shape (n_samples,), optional
            Sample weights, not all 0; None weights all rows equally.

        Returns
        -------
        ndarray of shape (n_outputs,), float64.
        """
        raise NotImplementedError

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of the quantiles of the targets that make up `constant`; empty without any."""
        return ()

    def search_constant(self) -> Generator[PartLook, list[Any], Array]:
        """Find `constant` of rows that come in parts, for losses without `levels`.

        Yields functions of Y and w of a part, and is sent what they return for each part. Here, the
        best constant depends on the mean of the targets alone.
        """
        found = yield mean_and_weight
        means, weights = (np.array(values) for values in zip(*found, strict=True))
        return self.constant(means, weights)

    def mean_of_constant(self, Y: Targets, w: Array | None, constant: Array) -> float:
        """Return the weighted mean loss, in float64, of the same raw output for all rows."""
        total, n_samples = 0.0, len(Y)
        n_rows = max(1, CHUNK_ELEMENTS // len(constant))
        for start in range(0, n_samples, n_rows):
            rows = slice(start, start + n_rows)
            y = dense(Y[rows]).astype(np.float64)
            Z = np.tile(np.asarray(constant, np.float64), (len(y), 1))
            losses = np.empty(len(y))
            with np.errstate(over="ignore", invalid="ignore"):
                self.value(y, Z, losses, np.empty_like(Z), np.empty_like(Z))
                total += float(losses.sum() if w is None else losses @ w[rows])
        return total / (n_samples if w is None else float(w.sum(dtype=np.float64)))


def mean_and_weight(Y: Targets, w: Array | None) -> tuple[Array, float]:
    """Return the weighted mean of each output, and the sum of the weights."""
    return weighted_mean(Y, w), float(len(Y) if w is None else w.sum(dtype=np.float64))


def sum_outputs(L: Array, loss: Array) -> None:
    """Write the sum over the last axis of `L` to `loss`; a copy is faster for a single output."""
    if L.shape[-1] == 1:
        np.copyto(loss, L[..., 0])
    else:
        np.add.reduce(L, axis=-1, out=loss)


def transposed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (..., n_outputs, n_samples) of the transpose.

    On the transpose, a sum over outputs adds long contiguous rows. This is several times faster
    than a short sum for each sample.
    """
    return (*shape[:-2], shape[-1], shape[-2])
