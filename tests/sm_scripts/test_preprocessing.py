"""One way from a photo to pixels: formats, orientation and odd shapes, in training and in serving."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fieldmark_ml.photos import images, pictures, preprocessing
from tests import shapes
from tests.sm_scripts import running

HOW = preprocessing.Preprocessing(64, 73, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def drawn(size: tuple[int, int] = (90, 60)) -> Image.Image:
    """A picture without symmetry and without noise that JPEG would change."""
    across = np.linspace(0, 255, size[0])[None, :].repeat(size[1], 0)
    down = np.linspace(0, 200, size[1])[:, None].repeat(size[0], 1)
    return Image.fromarray(np.stack([across, down, 255 - across], 2).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> torch.Tensor:
    return preprocessing.from_pillow(images.open_image(data))


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return (a.float() - b.float()).abs().max().item()


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_both_jpeg_decoders_give_the_same_pixels(mode: str, options: dict[str, Any]) -> None:
    data = encoded(drawn().convert(mode), "JPEG", **options)
    assert images.read(data).is_plain_jpeg
    assert far(preprocessing.decode(data), by_pillow(data)) <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_fault_16_exif_orientation_is_respected_by_both(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(drawn(), "JPEG", exif=exif, quality=95)
    assert preprocessing.decode(data).shape[1:] == ((90, 60) if orientation >= 5 else (60, 90))
    assert far(preprocessing.decode(data), by_pillow(data)) <= 3


def test_resizing_is_that_of_pillow() -> None:
    data = encoded(drawn((333, 250)), "PNG")
    ours = preprocessing.resized(preprocessing.decode(data), HOW)
    pillow = preprocessing.from_pillow(
        images.open_image(data).resize((97, 73), Image.Resampling.BICUBIC)
    )
    assert far(ours, pillow) <= 2


def test_a_photo_a_thousand_times_as_long_as_wide_stays_small() -> None:
    long = preprocessing.decode(encoded(drawn((1, 5000)), "PNG"))
    assert preprocessing.resized(long, HOW).numel() < 3 * 73 * 73 * 5
    assert preprocessing.prepare(long, HOW).shape == (3, 64, 64)
    assert preprocessing.prepare(
        preprocessing.decode(encoded(drawn((1, 1)), "PNG")), HOW
    ).shape == (3, 64, 64)


@pytest.mark.parametrize(
    "size", [(333, 250), (250, 334), (73, 73), (75, 73), (300, 73), (97, 211), (40, 41)]
)
@pytest.mark.parametrize("sides", [(64, 73), (64, 64), (63, 73), (224, 256), (288, 329)])
def test_the_middle_of_a_cached_square_is_what_serving_sees(
    size: tuple[int, int], sides: tuple[int, int]
) -> None:
    how = preprocessing.Preprocessing(sides[0], sides[1], HOW.mean, HOW.std)
    photo = preprocessing.from_pillow(drawn(size))
    square = pictures.square_of(photo, how)
    assert square.shape == (3, sides[1], sides[1])
    assert torch.equal(pictures.augment.centre(square, sides[0]), preprocessing.prepare(photo, how))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_fault_13_truncated_files_are_bad(kind: str) -> None:
    data = encoded(shapes.photo("circle", 1).resize((300, 200)), kind)
    with pytest.raises(images.BadImage):
        preprocessing.decode(data[: len(data) // 2])


def test_fault_15_too_many_pixels_are_refused_by_the_jpeg_header_alone() -> None:
    data = bytearray(encoded(drawn(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = (20_000).to_bytes(2, "big") * 2
    with pytest.raises(images.BadImage, match="million pixels"):
        preprocessing.decode(bytes(data))


def odd_photos(folder: Path) -> None:
    """A photo of every kind that is read in a special way; each shows the red circle of its class."""
    folder.mkdir(parents=True)
    photo = shapes.photo("circle", 99).resize((90, 80))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    photo.save(folder / "turned.jpg", exif=exif, quality=95)
    photo.convert("L").save(folder / "gray.jpg", quality=95)
    Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257).save(
        folder / "deep.png"
    )
    palette = photo.quantize(16)
    palette.save(folder / "palette.png", transparency=0)
    photo.convert("RGBA").save(folder / "alpha.webp", lossless=True)
    photo.save(
        folder / "moving.gif",
        save_all=True,
        append_images=[shapes.photo("square", 1).resize((90, 80))],
    )
    photo.save(folder / "page.tif", compression="tiff_lzw")
    photo.save(folder / "telephone.avif", quality=95)
    photo.resize((1, 5000)).save(folder / "long.png")
    photo.resize((1, 1)).save(folder / "dot.bmp")


def test_fault_16_odd_formats_are_the_same_photo_in_training_and_in_serving(
    photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    odd_photos(tmp_path / "photos" / "odd")
    lines = [line.split(",")[1:] for line in (photos / "manifest.csv").read_text().splitlines()[1:]]
    odd = [
        (f"odd/{path.name}", "circle", "test")
        for path in sorted((tmp_path / "photos" / "odd").iterdir())
    ]
    run = running.train(
        tmp_path / "run",
        running.write_manifest(tmp_path / "photos", [(*line,) for line in lines] + odd),
    )
    assert run.code == 0, run.log
    assert run.info["metrics"]["test"]["n"] == 12 + len(odd)

    import inference

    model = inference.model_fn(str(run.model))
    rows = run.predictions
    trained_on = dict(zip(rows["path"], rows["probabilities"], strict=True))
    for path, _, _ in odd:
        photo = inference.input_fn((tmp_path / "photos" / path).read_bytes(), "image/any")
        served, _ = inference.score_batch(model, [photo.pixels])
        assert np.abs(served[0].numpy() - trained_on[path]).max() < 1e-4, path
