"""The L2 penalty alpha / 2 ||W||^2 of each member, on the groups that have a penalty factor."""

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.parameters import Factor, Parameters, product_of
from sknet._engine.team import Team

#: Maximum parameters per member in a piece, so that it fits the cache; also the minimum per thread.
PENALTY_ELEMENTS = 1 << 16

#: W, dW, scratch memory, and alpha: 0-d, or (n_members, 1) if it differs by member.
Piece = tuple[Array, Array, Array, Array]


class Penalty:
    """Adds alpha W to the gradient and returns alpha ||W||^2.

    Parameters
    ----------
    parameters : Parameters
    alpha : float or sequence of float
        A sequence has one number for each member.
    team : Team
        Threads that share the parameters.
    """

    def __init__(self, parameters: Parameters, alpha: Factor, team: Team) -> None:
        n_members = parameters.n_members
        self.no_penalty = np.zeros(n_members, parameters.dtype)
        self._team = team
        self._shares: list[list[Piece]] = []
        for block in parameters.blocks:
            for group, columns in block.layout.by_group():
                factor = product_of(alpha, group.penalty, n_members)
                if not np.any(factor):
                    continue
                if block.is_shared and np.ndim(factor):
                    raise ValueError("Shared parameters need the same alpha for all members.")
                own = np.array(factor, parameters.dtype)
                own = own[:, None] if own.ndim else own
                self._add(block.theta[:, columns], block.grad[:, columns], own)

    def _add(self, W: Array, dW: Array, alpha: Array) -> None:
        """Cut a group into pieces that fit the cache, and distribute them among the threads."""
        n_shares = self._team.n_shares(W.shape[1], PENALTY_ELEMENTS)
        scratch = [np.empty_like(W[:, :PENALTY_ELEMENTS]) for _ in range(n_shares)]
        while len(self._shares) < n_shares:
            self._shares.append([])
        for n, start in enumerate(range(0, W.shape[1], PENALTY_ELEMENTS)):
            W_piece, dW_piece = (a[:, start : start + PENALTY_ELEMENTS] for a in (W, dW))
            P = scratch[n % n_shares][:, : W_piece.shape[1]]
            self._shares[n % n_shares].append((W_piece, dW_piece, P, alpha))

    def __call__(self) -> Array:
        """Add alpha W to the gradient; return alpha ||W||^2 of each member.

        The penalty of shared parameters is divided equally among the members.
        """
        if not self._shares:
            return self.no_penalty
        if len(self._shares) == 1:
            return self._penalise(0)
        return np.sum(self._team(self._penalise, len(self._shares)), axis=0)

    def _penalise(self, share: int) -> Array:
        """Add alpha W to the gradient of the pieces of one thread; return alpha ||W||^2."""
        total: Array | None = None
        n_members = len(self.no_penalty)
        for W, dW, P, alpha in self._shares[share]:
            np.multiply(W, alpha, P)
            np.add(dW, P, dW)
            own = np.vecdot(W, P)
            if len(own) < n_members:  # shared
                own = np.broadcast_to(own / n_members, n_members)
            total = own if total is None else np.add(total, own)
        assert total is not None
        return total
