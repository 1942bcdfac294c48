"""Full-batch L-BFGS, by scipy. The objective is a callable, so that its data may be anywhere."""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import cycle
from math import isfinite

import numpy as np
import scipy.optimize

from sknet._engine.activations import Array
from sknet._engine.batches import Batch
from sknet._engine.network import Network
from sknet._engine.reports import INTERRUPTS, DivergenceError, Limit, Monitor, Record, do_nothing

#: ``objective() -> (loss, gradient)`` at the current theta. The next call may overwrite the
#: gradient.
Objective = Callable[[], tuple[float, Array]]


def objective_of(network: Network, batch: Batch) -> Objective:
    """Return the objective of a network on `batch`: the sum over its members."""

    def objective() -> tuple[float, Array]:
        loss = network.loss_grad(*batch)
        return float(np.add.reduce(loss)), network.grad.reshape(-1)

    return objective


def minimize_lbfgs(
    objective: Objective,
    theta: Array,
    tol: float,
    max_iter: int,
    max_fun: int,
    monitor: Monitor,
    begin: Callable[[], None] = do_nothing,
    limit: Limit = nullcontext,
    update: Callable[[float], bool] = lambda loss: False,
    unit: float = 1.0,
) -> tuple[str, float, int]:
    """Minimise an objective by L-BFGS; `theta` is updated in place.

    scipy's L-BFGS-B (Byrd, Lu, Nocedal and Zhu 1995) without bounds, with 10 corrections.

    Parameters
    ----------
    objective : callable
        ``objective() -> (loss, gradient)`` at the current `theta`.
    theta : ndarray of shape (n_params,)
        The initial parameters; at the end, the solution.
    tol : float
        ``tol * unit`` is passed to scipy as ``gtol``, the largest component of the gradient at the
        solution. ``ftol``, the relative decrease of the objective below which scipy stops, is
        2.2e-5 tol (scipy's default at tol=1e-4), but at least 8 times the precision of `theta`.
    max_iter, max_fun : int
        Maximum numbers of iterations and of evaluations.
    monitor : callable
        ``monitor(record) -> stop``, called after each iteration.
    begin : callable
        Called before each iteration.
    limit : callable
        ``limit()`` is a context manager around each evaluation.
    update : callable
        ``update(loss) -> stop``, called at the end of each iteration, before `monitor`. An
        iteration counts as finished after this call.
    unit : float
        The size of the objective. scipy's test of the relative decrease compares numbers below 1
        with 1, so it gets the objective divided by a power of 2 next to `unit`, which is exact.

    Returns
    -------
    reason : {"converged", "max_iter", "max_fun", "interrupted", "stopped", or scipy's message}
    loss : float
    n_iter : int
    """
    iteration, n_begun, last = 0, 0, (theta.copy(), np.inf)
    grads = cycle([np.empty(theta.shape), np.empty(theta.shape)])
    scale = float(np.ldexp(1.0, -np.frexp(unit)[1]))

    def value_gradient(x: Array) -> tuple[float, Array]:
        nonlocal n_begun
        if n_begun == iteration:
            n_begun += 1
            begin()
        np.copyto(theta, x, casting="same_kind")
        with np.errstate(all="ignore"), limit():
            loss, gradient = objective()
        # scipy may still use the previous gradient, so two buffers alternate
        grad = next(grads)
        np.multiply(gradient, scale, out=grad)
        return loss * scale, grad

    def callback(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        nonlocal iteration, last
        np.copyto(theta, intermediate_result.x, casting="same_kind")
        loss = float(intermediate_result.fun) / scale
        plateau = update(loss)
        iteration += 1
        last = (theta.copy(), loss)
        if monitor(Record(iteration, last[1], None)) or plateau:
            raise StopIteration

    options = {
        "maxiter": max_iter,
        "maxfun": max_fun,
        "gtol": tol * unit * scale,
        "ftol": max(2.2e-5 * tol, 8 * float(np.finfo(theta.dtype).eps)),
    }
    x0 = theta.astype(np.float64)
    try:
        result = scipy.optimize.minimize(
            value_gradient, x0, jac=True, method="L-BFGS-B", options=options, callback=callback
        )
    except KeyboardInterrupt:
        if INTERRUPTS.register() or not iteration:
            raise
        np.copyto(theta, last[0])
        return "interrupted", last[1], iteration
    np.copyto(theta, result.x, casting="same_kind")
    if not (isfinite(result.fun) and np.isfinite(theta).all()):
        raise DivergenceError(f"after {iteration} iterations of lbfgs")
    n_iter = min(result.nit, max_iter)
    return _reason(result, max_iter), float(result.fun) / scale, n_iter


def _reason(result: scipy.optimize.OptimizeResult, max_iter: int) -> str:
    """Return the reason why scipy stopped."""
    if result.status == 99:  # scipy's status of a callback that stopped it
        return "stopped"
    if result.success:
        return "converged"
    if result.status == 1:
        return "max_iter" if result.nit >= max_iter else "max_fun"
    return str(result.message)
