"""Small changes to an ONNX file, without the onnx package.

The file is a protocol buffer; all but the fields in question stay byte for byte. Field numbers are
those of ``onnx.proto``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

_GRAPH, _INITIALIZER, _INPUT, _OUTPUT = 7, 5, 11, 12
_TENSOR_DIMS, _TENSOR_KIND, _RAW_DATA, _FLOAT = 1, 2, 9, 1
_NAME, _TENSOR_NAME, _TYPE, _TENSOR_TYPE, _SHAPE, _DIM, _DIM_PARAM = 1, 8, 2, 1, 2, 1, 2
_LENGTH_DELIMITED = 2


def free_image_size(model: bytes, axes: tuple[int, ...] = (0, 2, 3)) -> bytes:
    """The model with named, free dimensions in place of fixed ones.

    Old exports (CenterFace among them) state fixed input sizes although every operator takes any.
    Inputs that merely repeat weights are dropped.

    Args:
        model: a serialised ONNX model whose inputs and outputs are (N, C, H, W).
        axes: which dimensions to free.

    Returns:
        The changed model, serialised.
    """
    return _rewrite(model, _GRAPH, lambda graph: _free_graph(graph, axes))


def fix_input(model: bytes, name: str, value: float) -> bytes:
    """The model with one of its inputs as a constant.

    Whoever runs it can then work out beforehand what depends on that input alone.

    Args:
        model: a serialised ONNX model.
        name: an input of shape (N,), float32.
        value: what all N are.

    Raises:
        ValueError: if the model has no such input.
    """

    def graph(message: bytes) -> bytes:
        kept, found = bytearray(), False
        for field, _, raw, payload in _fields(message):
            if field == _INPUT and _text(payload, _NAME) == name:
                found = True
            else:
                kept += raw
        if not found:
            raise ValueError(f"no input {name!r}: not the model that was expected")
        tensor = _number(_TENSOR_DIMS << 3) + _number(1) + _number(_TENSOR_KIND << 3)
        tensor += _number(_FLOAT) + _pack(_TENSOR_NAME, name.encode())
        tensor += _pack(_RAW_DATA, struct.pack("<f", value))
        return bytes(kept) + _pack(_INITIALIZER, tensor)

    return _rewrite(model, _GRAPH, graph)


def _free_graph(graph: bytes, axes: tuple[int, ...]) -> bytes:
    weights = {
        _text(tensor, _TENSOR_NAME) for field, tensor in _messages(graph) if field == _INITIALIZER
    }
    out = bytearray()
    for field, _, raw, payload in _fields(graph):
        if field == _INPUT and _text(payload, _NAME) in weights:
            continue
        if field in (_INPUT, _OUTPUT):
            prefix = f"{_text(payload, _NAME)}_"
            out += _pack(field, _free_value(payload, axes, prefix))
        else:
            out += raw
    return bytes(out)


def _free_value(value: bytes, axes: tuple[int, ...], prefix: str) -> bytes:
    def shape(message: bytes) -> bytes:
        out = bytearray()
        for axis, (_, _, raw, _) in enumerate(_fields(message)):
            name = _pack(_DIM_PARAM, f"{prefix}{axis}".encode())
            out += _pack(_DIM, name) if axis in axes else raw
        return bytes(out)

    return _rewrite(
        value, _TYPE, lambda t: _rewrite(t, _TENSOR_TYPE, lambda x: _rewrite(x, _SHAPE, shape))
    )


def _rewrite(message: bytes, field: int, change: Callable[[bytes], bytes]) -> bytes:
    parts = (
        _pack(number, change(payload)) if number == field and kind == _LENGTH_DELIMITED else raw
        for number, kind, raw, payload in _fields(message)
    )
    return b"".join(parts)


def _messages(message: bytes) -> Iterator[tuple[int, bytes]]:
    return ((f, p) for f, kind, _, p in _fields(message) if kind == _LENGTH_DELIMITED)


def _text(message: bytes, field: int) -> str:
    return next((p.decode() for f, p in _messages(message) if f == field), "")


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield (field number, wire type, whole field, payload) of each field."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        body = at
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 1:
            at += 8
        elif kind == _LENGTH_DELIMITED:
            length, body = _varint(message, at)
            at = body + length
        elif kind == 5:
            at += 4
        else:
            raise ValueError(f"wire type {kind} at byte {start}: not an ONNX file")
        if at > len(message):
            raise ValueError(f"field at byte {start} is truncated: not an ONNX file")
        yield field, kind, message[start:at], message[body:at]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("truncated number: not an ONNX file")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _pack(field: int, payload: bytes) -> bytes:
    return _number(field << 3 | _LENGTH_DELIMITED) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
