"""Layers of networks in plain numpy, slow and plain, to hold the converted graphs against. Pictures are (c, h, w)."""

from __future__ import annotations

import numpy as np


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, stride: int = 1, padding: int = 0) -> np.ndarray:
    """A convolution; one input channel per filter where the kernel is (n, 1, k, k) over n channels."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    if kernel.shape[1] == 1 and len(x) > 1:
        return np.einsum("chwij,cij->chw", windows, kernel[:, 0]) + bias[:, None, None]
    return np.einsum("chwij,ocij->ohw", windows, kernel) + bias[:, None, None]


def scale(x: np.ndarray, factor: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return x * factor[:, None, None] + offset[:, None, None]


def rectify(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def windows(x: np.ndarray, side: int, stride: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]


def largest(x: np.ndarray, side: int, stride: int) -> np.ndarray:
    return windows(x, side, stride).max(axis=(3, 4))


def mean(x: np.ndarray, side: int, stride: int) -> np.ndarray:
    return windows(x, side, stride).mean(axis=(3, 4))


def add_filled(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dlib's sum of tensors of different size: the larger of each dimension, zeros where one has nothing."""
    total = np.zeros(np.maximum(x.shape, y.shape))
    for part in (x, y):
        total[tuple(slice(size) for size in part.shape)] += part
    return total


def normalise(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
    """PyTorch's batch normalisation at rest."""
    return scale((x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], gamma, beta)


def leak(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """PReLU."""
    return np.where(x > 0, x, slopes[:, None, None] * x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max())
    return powers / powers.sum()
