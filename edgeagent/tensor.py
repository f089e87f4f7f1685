"""What a model takes in and gives out, in numbers."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.generic]
"""An array as an interpreter holds it: uint8, int8 or float32."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, dtype and affine quantisation of one tensor: ``real = scale * (q - zero_point)``.

    The scheme is TFLite's per-tensor one (TensorFlow Lite 8-bit quantisation specification);
    a float tensor has scale 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    def dequantise(self, tensor: Tensor) -> NDArray[np.float32]:
        """Return the real values, float32 of the same shape; integers widen first."""
        if self.scale == 0.0:
            return tensor.astype(np.float32)
        # int32 because uint8 minus its zero point would wrap around.
        wide = tensor.astype(np.int32) - self.zero_point
        return np.asarray(wide * np.float32(self.scale), dtype=np.float32)

    def quantise(self, real: NDArray[np.float32]) -> Tensor:
        """Return ``real`` as this tensor holds it: rounded, and clipped to the dtype's range."""
        if self.scale == 0.0:
            return np.asarray(real, dtype=self.dtype)
        info = np.iinfo(self.dtype)
        steps = np.rint(real / np.float32(self.scale)) + self.zero_point
        return np.asarray(np.clip(steps, info.min, info.max), dtype=self.dtype)

    def quantised(self, value: float) -> float:
        """Return the (unrounded) step at which ``value`` lies, for comparing raw integers."""
        return value / self.scale + self.zero_point if self.scale else value

    def least(self, value: float) -> float:
        """Return the lowest raw value that stands for ``value`` or more."""
        step = self.quantised(value)
        # A hair down: .4 / (1/256) must not be put above the step it is equal to.
        return math.ceil(step - 1e-6) if self.scale else step

    @property
    def span(self) -> float:
        """How far the lowest and the highest real value are apart; infinite for floats."""
        return 255 * self.scale if self.scale else math.inf
