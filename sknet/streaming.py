"""Streams of batches for ``fit_batches``."""

from sknet._parquet import parquet_batches

__all__ = ["parquet_batches"]
