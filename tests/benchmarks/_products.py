"""The matrix products of a training step alone: the limit of its speed."""

import time
from itertools import pairwise

import numpy as np
from _networks import Network

from sknet._threads import one_blas_thread


class Products:
    """The matrix products of one training step, alone: in float32, into arrays made once.

    Forward, dW, and dX of every layer but the first; an inner dimension of 1, which misses BLAS, is
    an element-wise product. As many BLAS threads as a fit of this network takes.
    """

    def __init__(self, network: Network) -> None:
        rng = np.random.default_rng(0)
        self.shapes = list(pairwise(network.units))
        self.largest = network.batch * max(n_in * n_out for n_in, n_out in self.shapes)

        def drawn(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape, np.float32)

        self.calls = []
        backward = []
        for k, (n_in, n_out) in enumerate(self.shapes):
            A, W, delta = (
                drawn(network.batch, n_in),
                drawn(n_in, n_out),
                drawn(network.batch, n_out),
            )
            self.calls.append((np.matmul, A, W, np.empty_like(delta)))
            if k:
                product = np.multiply if n_out == 1 else np.matmul
                backward.append((product, delta, W.T, np.empty_like(A)))
            backward.append((np.matmul, A.T, delta, np.empty_like(W)))
        self.calls += backward[::-1]

    def step(self) -> None:
        for product, a, b, out in self.calls:
            product(a, b, out=out)

    def seconds(self, n_steps: int) -> float:
        with one_blas_thread(self.largest):
            start = time.perf_counter()
            for _ in range(n_steps):
                self.step()
            return time.perf_counter() - start
