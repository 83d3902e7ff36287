"""Tensors in a file, in the safetensors format, without its package, which AWS's serving image
lacks.

The format (https://github.com/huggingface/safetensors): 8 bytes, little endian, the length of a
JSON header that gives each tensor's type, shape and position; then the raw values. Nothing in it
can be executed.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import torch

_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _TYPES.items()}
MAX_HEADER = 100 * 2**20


def save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write `tensors` to `path`: a temporary file beside it, fsync, then a rename, so that no
    reader sees a partial file."""
    header, position = {}, 0
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    for name, tensor in ready.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + size],
        }
        position += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor in ready.values():
                file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors in `path`.

    Raises ValueError with the file's name if it is not a complete safetensors file.
    """
    data = bytearray(path.read_bytes())
    try:
        length = struct.unpack_from("<Q", data)[0]
        if length > min(len(data), MAX_HEADER):
            raise ValueError("its header is longer than the file")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        return {name: _tensor(data, 8 + length, **entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RuntimeError) as error:
        raise ValueError(f"{path} is not a complete safetensors file: {error}") from None


def _tensor(
    data: bytearray, start: int, dtype: str, shape: list[int], data_offsets: list[int]
) -> torch.Tensor:
    kind = _TYPES[dtype]
    begin, end = data_offsets
    count = 1
    for side in shape:
        count *= side
    if (
        not 0 <= begin <= end
        or end - begin != count * torch.empty(0, dtype=kind).element_size()
        or start + end > len(data)
    ):
        raise ValueError("a tensor's position does not match its shape")
    if not count:
        return torch.empty(shape, dtype=kind)
    # The copy aligns the values and releases the file's bytes.
    return (
        torch.frombuffer(data, dtype=torch.uint8, count=end - begin, offset=start + begin)
        .clone()
        .view(kind)
        .view(shape)
    )
