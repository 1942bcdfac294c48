"""Step 1 of training: fit the encoder and the target, and encode the rows."""

from math import inf, prod
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from sknet._engine.links import LINKS, Link
from sknet._engine.loss_base import Loss
from sknet._engine.losses import LOSSES
from sknet._table.encoder import Encoder
from sknet._table.knots import knots_of, n_frequencies, varied
from sknet._target.scale import warn_of_outliers
from sknet._target.target import Target
from sknet._training.hold_out import MIN_STOPPING_ROWS, hold_out, warn_of_rare_class
from sknet._training.rows import EncodedRows, Rows
from sknet._training.settings import Settings
from sknet._training.start import Start

#: Maximum elements of X up to which X is copied only to append a column of ones, which saves the
#: first layer two passes per step. Measured: a small step takes 44 us instead of 47.
MAX_COPIED_ELEMENTS = 1 << 24
#: How far a target may be outside a range with two ends: what rescaling to the range rounds.
DOMAIN_SLACK = 1e-6


class Prepared(NamedTuple):
    """The data and functions of one training.

    Attributes
    ----------
    encoder : Encoder
    target : Target
        Fitted.
    loss : Loss
    link : Link
    read : Rows
        The training rows as read.
    rows : EncodedRows
        The encoded training rows, with Y in the engine's units.
    dtype : dtype
        The compute dtype.
    held : Rows or None
        The validation rows as read.
    held_encoded : EncodedRows or None
        The encoded validation rows.
    stops_early : bool
        Whether the validation score ends training. A few rows decide only which epoch is kept.
    stream : Streamed, Sharded or None
        Where the training rows come from, if they are not in memory. `read` and `rows` are then a
        random sample of them.
    constants : list of Constant or None
        The best constant of each member, if it is known and need not be found from `rows`.
    """

    encoder: Encoder
    target: Target
    loss: Loss
    link: Link
    read: Rows
    rows: EncodedRows
    dtype: np.dtype
    held: Rows | None
    held_encoded: EncodedRows | None
    stops_early: bool
    stream: Any = None
    constants: Any = None

    @property
    def n_rows(self) -> int:
        """The number of training rows."""
        return len(self.rows.Y) if self.stream is None else self.stream.n_rows

    def n_batches(self, settings: Settings) -> int:
        """Return the number of steps of an epoch."""
        if self.stream is not None:
            return self.stream.n_batches(settings)
        return -(-self.n_rows // settings.batch_rows(self.n_rows))


class Recipe(NamedTuple):
    """How rows are encoded, and what network is trained on them.

    Attributes
    ----------
    settings : Settings
    target : Target
        Fitted.
    encoder : Encoder
    out_activation : str
    dtype : dtype
        The compute dtype.
    with_ones : bool
        Whether X gets a column of ones.
    """

    settings: Settings
    target: Target
    encoder: Encoder
    out_activation: str
    dtype: np.dtype
    with_ones: bool

    @property
    def loss(self) -> Loss:
        """The loss of the network."""
        return self.settings.loss(self.out_activation)

    def encoded(self, rows: Rows) -> EncodedRows:
        """Return training rows as the engine takes them."""
        Y = smoothed(self.target, self.target.scaled(rows.Y), self.settings)
        own = rows.encoded(self.encoder, self.dtype, Y, self.with_ones)
        require_domain(self.loss, self.settings, self.out_activation, own.Y, "y")
        return own


def prepare(
    settings: Settings,
    rows: Rows,
    target: Target,
    out_activation: str,
    start: Start | None,
    incremental: bool,
    held: Rows | None,
    split_seed: int,
    holds_out: bool = True,
) -> Prepared:
    """Hold out rows, fit the encoder and the target on the other rows, and encode all rows.

    Parameters
    ----------
    settings : Settings
    rows : Rows
        At least one row, none of weight 0.
    target : Target
        Already fitted if there is a `start`.
    out_activation : str
        A key of ``LINKS``.
    start : Start or None
        The model from which training continues.
    incremental : bool
        Whether the call is one epoch of `partial_fit`: no hold-out, no stopping.
    held : Rows or None
        Validation rows that the user has passed.
    split_seed : int
        Seed of the hold-out.
    holds_out : bool
        Whether early stopping without `held` takes some of the rows away.
    """
    seen = rows.Y
    stops_early = not incremental and settings.early_stopping
    name = "y" if held is None else "y_val"
    if stops_early and held is None and holds_out:
        rows, held = hold_out(
            rows, settings.validation_fraction, split_seed, target, settings.asks_to_stop
        )
    elif stops_early and held is not None:
        warn_of_rare_class(rows, held, target, is_given=True)
    if held is not None:
        stops_early &= len(held.Y) >= MIN_STOPPING_ROWS
    require_averaged(settings, held)
    link, loss = LINKS[out_activation], settings.loss(out_activation)
    if start is None:
        scales = settings.target_scaling and link.is_linear
        target = target.fit(rows.Y, rows.w, scales, incremental, loss.robust)
        encoder = Encoder.fit(rows.X, rows.w, settings.encoding, continues=incremental)
        dtype = settings.compute_dtype(rows.X.dtype, len(rows.Y), engine_dtype(target))
        if loss.squares and link.domain.most == inf:
            warn_of_outliers(rows.Y, rows.w)
    else:
        target, encoder, dtype = target.continued(rows.Y), start.encoder, start.dtype
    if settings.clip_predictions and link.is_linear:
        target = target.limited(seen)
    targets = smoothed(target, target.scaled(rows.Y), settings)
    trained = rows.encoded(encoder, dtype, targets, has_ones(rows, encoder, dtype, settings))
    require_domain(loss, settings, out_activation, trained.Y, "y")
    if start is None and settings.numeric_embedding and issparse(trained.X):
        raise ValueError(
            f"numeric_embedding={settings.numeric_embedding!r} does not work for sparse X. Pass"
            " X.toarray(), or set numeric_embedding=None."
        )
    if start is None and settings.numeric_embedding:
        encoder = with_embedding(encoder, trained, settings)
    held_encoded = None
    if held is not None:
        held_encoded = held.encoded(encoder, dtype, target.scaled(held.Y))
        require_domain(loss, settings, out_activation, held_encoded.Y, name)
    return Prepared(
        encoder, target, loss, link, rows, trained, dtype, held, held_encoded, stops_early
    )


def with_embedding(encoder: Encoder, rows: EncodedRows, settings: Settings) -> Encoder:
    """Return the encoder of a network that embeds numbers."""
    columns = varied(rows.X, encoder.number_columns)
    if settings.numeric_embedding == "ple":
        return encoder.with_knots(knots_of(rows.X, rows.w, columns, settings.n_bins))
    return encoder.with_periods(columns, n_frequencies(len(columns)))


def require_averaged(settings: Settings, held: Rows | None) -> None:
    """Raise if there are validation rows, but no averaged prediction of the members."""
    if held is not None and settings.solver is None and settings.n_members > 1:
        raise ValueError(
            "solver='lbfgs' fits n_members > 1 one after another, so that there is no averaged"
            " prediction to validate. Set early_stopping=False and pass no X_val, or set"
            " n_members=1."
        )


def engine_dtype(target: Target) -> str:
    """Return the least dtype that can tell the targets apart in the engine's units."""
    return "float32" if target.is_scaled else target.least_dtype


def smoothed(target: Target, Y: np.ndarray, settings: Settings) -> np.ndarray:
    """Return smoothed targets if all members have the same label smoothing, else `Y`."""
    if isinstance(settings.label_smoothing, float) and settings.label_smoothing:
        slope, shift = target.smoothing(settings.label_smoothing)
        return Y * slope + shift
    return Y


def has_ones(rows: Rows, encoder: Encoder, dtype: np.dtype, settings: Settings) -> bool:
    """Whether X gets a column of ones, which a first dense layer multiplies by its bias.

    It does not if X is large and would be copied only for this purpose.
    """
    dense_first = not (
        rows.X.is_sparse
        or encoder.embedded
        or np.any(settings.dropout[0])
        or settings.numeric_embedding
    )
    as_it_is = encoder.changes_nothing and rows.X.dtype == dtype
    return dense_first and not (as_it_is and prod(rows.X.shape) > MAX_COPIED_ELEMENTS)


def require_domain(
    loss: Loss, settings: Settings, out_activation: str, Y: np.ndarray, name: str
) -> None:
    """Raise ValueError if a target is outside the domain of the loss."""
    domain = loss.domain
    if domain.accepts(Y, DOMAIN_SLACK if domain.most < inf else 0.0):
        return
    own = next(iter(LOSSES[settings.loss_name]))
    chosen = f" and out_activation={out_activation!r}" if out_activation != own else ""
    advice = f" Rescale y to this range, or use out_activation={own!r}." if chosen else ""
    raise ValueError(
        f"{name} must be {domain.words} with loss={settings.loss_name!r}{chosen}."
        f" {domain.n_outside(Y)} of {Y.size} values are not.{advice}"
    )
