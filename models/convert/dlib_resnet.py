"""dlib's face recognition ResNet from its `.dat` file: 29 convolutions in residual blocks, a matrix, 128 numbers.

The widths, strides and paddings are those of the file. What the file does not say is how a block that halves the
picture is joined to what it came from, which is a mean over 2 x 2: dlib fills the smaller of the two with zeros at the
end of each dimension until they have the same size.
"""

from __future__ import annotations

from typing import TypeVar

from models.convert.dlib_stream import (
    AddBranch,
    Affine,
    Con,
    Layer,
    Matrix,
    MaxPool,
    MeanPool,
    Picture,
    Rectify,
    read_layers,
)
from models.convert.graph import Convolution, GraphBuilder
from models.errors import WeightsError
from models.manifest import Network

LayerT = TypeVar("LayerT", Picture, Con, Affine, Rectify, AddBranch, MaxPool, MeanPool, Matrix)


def convert_dlib_resnet(weights: bytes, *, network: Network) -> bytes:
    """The ONNX model: one descriptor, not of unit length, for one picture. Raises WeightsError."""
    layers = _Layers(list(read_layers(weights)))
    layers.take(Picture)
    picture = _Picture(GraphBuilder(network), side=network.input.height_px, channels=3)
    picture.convolve(layers.convolution())
    layers.take(Rectify)
    picture.rectify()
    picture.pool("MaxPool", layers.take(MaxPool))
    while not layers.is_next(MeanPool):
        _add_block(picture, layers)
    if layers.take(MeanPool).side != 0:
        raise WeightsError("the last pooling should cover the whole picture")
    descriptor = picture.describe(layers.take(Matrix))
    layers.require_end()
    return descriptor


def _add_block(picture: _Picture, layers: _Layers) -> None:
    """One residual block: two convolutions beside what goes in, which is halved where the first convolution halves."""
    before = picture.copy()
    picture.convolve(layers.convolution())
    layers.take(Rectify)
    picture.rectify()
    picture.convolve(layers.convolution())
    if layers.is_next(MeanPool):
        before.pool("AveragePool", layers.take(MeanPool))
    layers.take(AddBranch)
    picture.join(before)
    layers.take(Rectify)
    picture.rectify()


class _Layers:
    """The layers still to come."""

    def __init__(self, layers: list[Layer]) -> None:
        self._layers = layers
        self._at = 0

    def is_next(self, kind: type[Layer]) -> bool:
        if self._at == len(self._layers):
            raise WeightsError("the network ends too early")
        return isinstance(self._layers[self._at], kind)

    def take(self, kind: type[LayerT]) -> LayerT:
        self.is_next(kind)
        layer = self._layers[self._at]
        if not isinstance(layer, kind):
            raise WeightsError(f"layer {self._at + 1} is a {type(layer).__name__} where a {kind.__name__} should be")
        self._at += 1
        return layer

    def convolution(self) -> Convolution:
        """A convolution with the affine layer behind it folded in."""
        con, affine = self.take(Con), self.take(Affine)
        if len(affine.factor) != len(con.weights.bias):
            raise WeightsError("an affine layer has another width than its convolution")
        return con.weights.scaled(affine.factor, offset=affine.offset)

    def require_end(self) -> None:
        if self._at != len(self._layers):
            raise WeightsError("layers follow the last one of dlib's face ResNet")


class _Picture:
    """A tensor of the growing graph and its size, which decides how much is filled with zeros."""

    def __init__(self, graph: GraphBuilder, *, side: int, channels: int, tensor: str | None = None) -> None:
        self._graph = graph
        self._tensor = graph.input if tensor is None else tensor
        self._side = side
        self._channels = channels

    def copy(self) -> _Picture:
        return _Picture(self._graph, side=self._side, channels=self._channels, tensor=self._tensor)

    def convolve(self, weights: Convolution) -> None:
        outputs, _, height, width = weights.kernel.shape
        if height != width:
            raise WeightsError(f"a convolution of {height} x {width} is not square")
        self._tensor = self._graph.convolve(self._tensor, weights)
        self._shrink(height - 2 * weights.padding, weights.stride)
        self._channels = outputs

    def rectify(self) -> None:
        self._tensor = self._graph.add("Relu", [self._tensor])

    def pool(self, operator: str, window: MaxPool | MeanPool) -> None:
        shape = {"kernel_shape": [window.side] * 2, "strides": [window.stride] * 2}
        self._tensor = self._graph.add(operator, [self._tensor], **shape)
        self._shrink(window.side, window.stride)

    def join(self, other: _Picture) -> None:
        """Add `other`, both filled up with zeros to the larger of each size."""
        side, channels = max(self._side, other._side), max(self._channels, other._channels)
        tensors = [self._filled(side, channels), other._filled(side, channels)]
        self._tensor = self._graph.add("Add", tensors)
        self._side, self._channels = side, channels

    def describe(self, matrix: Matrix) -> bytes:
        """End the graph with the mean over the picture times `matrix`."""
        if len(matrix.weights) != self._channels:
            raise WeightsError(f"a matrix of {len(matrix.weights)} rows stands behind a layer of {self._channels}")
        mean = self._graph.add("Flatten", [self._graph.add("GlobalAveragePool", [self._tensor])], axis=1)
        product = self._graph.add("MatMul", [mean, self._graph.weight(matrix.weights, name="descriptor_matrix")])
        return self._graph.finish(product)

    def _filled(self, side: int, channels: int) -> str:
        missing = side - self._side
        if missing == 0 and channels == self._channels:
            return self._tensor
        return self._graph.fill(self._tensor, channels=channels - self._channels, rows=missing, columns=missing)

    def _shrink(self, window: int, stride: int) -> None:
        self._side = (self._side - window) // stride + 1
        if self._side < 1:
            raise WeightsError("the picture shrinks to nothing")
