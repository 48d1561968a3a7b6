"""Symmetric rounding of weight blocks, and the checkpoint's packing of two int4 output rows a byte."""

import numpy as np

INT4 = (-8, 7)
"""The least and the largest value of int4."""

INT8 = (-128, 127)
"""The least and the largest value of int8."""

E4M3_MAXIMUM = np.float32(448)
"""The largest finite value of float8_e4m3fn."""


def round_blocks(
    rows: np.ndarray, block_size: int, largest: int, limits: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Values [N, K] int8 within `limits` and scales [N, K / block_size] float32 = the block's maximum / `largest`.

    `rows` is [N, K] float32, K divisible by block_size. A block of zeros gets scale 1: its values are 0 either way.
    """
    outputs, inputs = rows.shape
    blocks = rows.reshape(outputs, inputs // block_size, block_size)
    scales = np.abs(blocks).max(axis=2) / np.float32(largest)
    scales[scales == 0] = 1
    values = np.clip(np.rint(blocks / scales[:, :, None]), *limits).astype(np.int8)
    return values.reshape(outputs, inputs), scales


def pack_output_rows(values: np.ndarray) -> np.ndarray:
    """[N, K] int8 in -8..7 → [N / 2, K] int8, the even row in the low nibble. N is even."""
    nibbles = values.view(np.uint8) & 0x0F
    return (nibbles[0::2] | (nibbles[1::2] << 4)).view(np.int8)


def unpack_output_rows(packed: np.ndarray) -> np.ndarray:
    """The inverse of pack_output_rows."""
    signed = packed.view(np.int8)
    values = np.empty((packed.shape[0] * 2, packed.shape[1]), np.int8)
    values[0::2] = (signed << 4) >> 4
    values[1::2] = signed >> 4
    return values
