"""The hold-out of early stopping: splits off validation rows."""

import numpy as np
from sklearn.model_selection import train_test_split

from sknet._compat import warn
from sknet._target.messages import label_words
from sknet._target.target import Target
from sknet._training.rows import Rows

#: Validation rows of a class below which a warning says that early stopping cannot judge it.
MIN_CLASS_ROWS = 5
#: A class is rare if it has less than this share of the training rows of a class of mean size.
RARE_SHARE = 0.25
#: Validation rows below which the score decides which epoch is kept, but not when training ends.
MIN_STOPPING_ROWS = 10


def hold_out(
    rows: Rows, fraction: float, seed: int, target: Target, is_asked: bool = True
) -> tuple[Rows, Rows]:
    """Return the training rows and the validation rows; the split is stratified if possible.

    Warns
    -----
    UserWarning
        If early stopping was asked for (`is_asked`), and the split cannot be stratified or holds
        few rows of a class. The message names the rare labels.

    Raises
    ------
    ValueError
        If no row is left for training or for validation.
    """
    n_samples = len(rows.Y)
    n_held = held_size(n_samples, fraction, target)
    stratify = rows.strata
    if stratify is not None:
        counts = np.bincount(stratify, minlength=len(target.classes))
        n_present = np.count_nonzero(counts)
        rare = target.classes[counts == 1]
        if len(rare) or n_held < n_present or n_samples - n_held < n_present:
            why = (
                f"these labels have only one row: {', '.join(map(str, rare[:5]))}"
                if len(rare)
                else f"{n_held} held-out rows for {n_present} classes are too few"
            )
            if is_asked:
                warn(
                    f"The hold-out of early stopping is random, not stratified: {why}.",
                    UserWarning,
                )
            stratify = None
    kept, held = train_test_split(
        np.arange(n_samples), test_size=n_held, random_state=seed, stratify=stratify
    )
    if stratify is None and rows.strata is not None:  # each class keeps a row to learn from
        is_lost = ~np.isin(rows.strata[held], rows.strata[kept])
        if not is_lost.all():
            kept, held = np.concatenate([kept, held[is_lost]]), held[~is_lost]
    trained, validated = rows.selected(kept), rows.take(held)
    if stratify is not None and is_asked:
        warn_of_rare_class(trained, validated, target, is_given=False)
    return trained, validated


def held_size(n_samples: int, fraction: float, target: Target) -> int:
    """Return how many of so many rows are held out; raise if none is left, or none is held out."""
    least = 1 if hasattr(target, "classes") else 2  # R2 of a single row is not defined
    n_held = max(int(np.ceil(fraction * n_samples)), least)
    if n_held >= n_samples:
        raise ValueError(
            f"early_stopping: n_samples={n_samples} are not enough to hold out {n_held} and"
            " to train on the others. The validation set is too small. Increase"
            " 'validation_fraction' or the size of your dataset, or set early_stopping=False."
            if n_held == least
            else f"early_stopping: validation_fraction={fraction} leaves no training rows of"
            f" n_samples={n_samples}. Lower it, or set early_stopping=False."
        )
    return n_held


def held_sizes(counts: np.ndarray, n_held: int, rng: np.random.Generator) -> np.ndarray:
    """Return how many rows of each class are held out of rows in shards: (n_shards, n_classes).

    `counts` are the rows that there are. Of each class the same share is held out, by largest
    remainders, and one row at least is left, but if no class has several rows. Of each shard the
    same share of a class is held out, rounded up or down at random.
    """
    totals = counts.sum(axis=0)
    sizes, remainders = np.divmod(n_held * totals, totals.sum())
    has_more = sizes + 1 < totals if (totals > 1).any() else sizes < totals
    order = np.lexsort((rng.random(len(totals)), -remainders))
    sizes[order[has_more[order]][: n_held - sizes.sum()]] += 1
    present = np.maximum(totals, 1)
    ends = (np.cumsum(counts, axis=0) * sizes + rng.integers(present)) // present
    return np.diff(ends, axis=0, prepend=0)


def drawn(
    strata: np.ndarray | None, n_rows: int, sizes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return whether each row is held out: of each stratum so many rows as `sizes` says."""
    order = rng.permutation(n_rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    counts = stratum_counts(strata, n_rows, len(sizes))
    ranks = np.arange(n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    is_held = np.empty(n_rows, bool)
    is_held[order] = ranks < np.repeat(sizes, counts)
    return is_held


def stratum_counts(strata: np.ndarray | None, n_rows: int, n_strata: int) -> np.ndarray:
    """Return the rows of each stratum; without strata, all rows are of one."""
    return np.array([n_rows]) if strata is None else np.bincount(strata, minlength=n_strata)


def warn_of_rare_class(trained: Rows, held: Rows, target: Target, is_given: bool) -> None:
    """Warn if validation rows that decide when to stop hold too few rows of a rare class.

    `is_given` is whether the user has passed them.
    """
    if trained.strata is None or held.strata is None:
        return
    n_classes = len(target.classes)
    counts, n_held = (np.bincount(rows.strata, minlength=n_classes) for rows in (trained, held))
    is_rare = counts < RARE_SHARE * counts.sum() / np.count_nonzero(counts)
    few = np.flatnonzero((counts > 0) & is_rare & (n_held < MIN_CLASS_ROWS))
    if not len(few):
        return
    rarest = few[n_held[few].argmin()]
    more = (
        "Pass more rows of it in X_val"
        if is_given
        else "The hold-out is stratified already: pass a larger validation_fraction"
    )
    warn(
        f"Early stopping has only {n_held[rarest]} of {len(held.Y)} validation rows of the class"
        f" {label_words(target.classes[[rarest]])}: too few to judge it. {more}, a scoring that"
        " looks at the rare class ('roc_auc', 'average_precision', 'neg_log_loss'), or"
        " early_stopping=False.",
        UserWarning,
    )
