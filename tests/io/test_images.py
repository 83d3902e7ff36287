"""Opening foreign images: what works, what is refused with which reason, and the thumbnails that are kept."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import settings
from core.errors import BadImage
from core.io import images
from tests.datasets.made import photo, pixels

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp"}


def id_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_probe_gives_the_facts_of_a_photo(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", size=(60, 40))
    assert images.probe(path) == (id_of(path), 60, 40, path.stat().st_size)


def test_probe_gives_the_size_of_the_upright_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels(1, (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    assert images.probe(tmp_path / "a.jpg")[1:3] == (40, 60)
    with Image.open(images.thumbnail(id_of(tmp_path / "a.jpg"), tmp_path / "a.jpg")) as small:
        assert small.size == (40, 60)


@pytest.mark.parametrize("kind", FORMATS)
def test_fault_13_truncated_images_are_found(kind: str, tmp_path: Path) -> None:
    whole = io.BytesIO()
    pixels(2, (200, 150)).save(whole, kind)
    path = tmp_path / f"a.{FORMATS[kind]}"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) * 6 // 10])
    facts = images.examine(path)
    assert facts.problem
    assert (facts.image_id, facts.size_bytes) == (id_of(path), path.stat().st_size)
    with pytest.raises(BadImage, match=facts.problem[:12]):
        images.probe(path)


def _fits() -> bytes:
    cards = [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
    ]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html>Not found</html>",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n",
        _fits(),
        b"just text, saved as a photo",
    ],
    ids=["empty", "html", "svg", "eps", "fits", "text"],
)
def test_fault_14_other_files_named_jpg(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_program(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a program was started: {args}")

    monkeypatch.setattr(subprocess, "Popen", no_program)
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadImage):
        images.open_image(tmp_path / "a.jpg")
    with pytest.raises(BadImage):
        images.thumbnail(id_of(tmp_path / "a.jpg"), tmp_path / "a.jpg")
    assert images.examine(tmp_path / "a.jpg").problem


IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from core.io import images
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(images.examine(Path(sys.argv[1])).problem)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("side", [13_000, 14_000])
def test_fault_15_pixel_bombs_are_refused_before_decoding(side: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (side, side)).save(path, compress_level=9)
    assert path.stat().st_size < 100_000
    run = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, path],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    problem, grown = run.stdout.splitlines()
    assert "million pixels" in problem
    # ru_maxrss counts in KB on Linux and in bytes on macOS.
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 50 * 2**20


def test_a_file_beyond_the_limit_is_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAX_IMAGE_BYTES", 100)
    facts = images.examine(photo(tmp_path / "a.jpg"))
    assert "the limit is 100 B" in facts.problem
    assert facts.image_id == ""


def test_a_file_that_has_gone_is_a_bad_image(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="can't be read"):
        images.open_image(tmp_path / "none.jpg")
    assert images.examine(tmp_path / "none.jpg").size_bytes == 0


def _cmyk(path: Path) -> None:
    pixels(3).convert("CMYK").save(path, "JPEG")


def _palette_alpha(path: Path) -> None:
    pixels(3).convert("P").save(path, "PNG", transparency=0)


def _grey_alpha(path: Path) -> None:
    Image.merge("LA", (pixels(3).convert("L"), Image.new("L", (48, 36), 128))).save(path, "PNG")


def _sixteen_bit(path: Path) -> None:
    Image.fromarray((np.arange(48 * 36).reshape(36, 48) * 37).astype(np.uint16)).save(path, "PNG")


def _animated(path: Path) -> None:
    pixels(3).save(path, "GIF", save_all=True, append_images=[pixels(4), pixels(5)])


def _sized(size: tuple[int, int]) -> Callable[[Path], None]:
    return lambda path: pixels(3, size).save(path, "PNG")


SPECIAL = {
    "cmyk": (_cmyk, (48, 36)),
    "palette with alpha": (_palette_alpha, (48, 36)),
    "grey with alpha": (_grey_alpha, (48, 36)),
    "16 bit": (_sixteen_bit, (48, 36)),
    "animated": (_animated, (48, 36)),
    "one pixel": (_sized((1, 1)), (1, 1)),
    "a line": (_sized((1, 5000)), (1, 5000)),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_fault_16_special_photos_work(name: str, tmp_path: Path) -> None:
    make, size = SPECIAL[name]
    path = tmp_path / "a"
    make(path)
    image = images.open_image(path)
    assert (image.mode, image.size) == ("RGB", size)
    with Image.open(images.thumbnail(id_of(path), path)) as small:
        assert small.mode == "RGB"
        assert max(small.size) <= settings.THUMBNAIL_SIDE


def test_thumbnails_are_made_once_and_look_like_the_photo(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", size=(1000, 500))
    made = images.thumbnail(id_of(path), path)
    assert made == settings.thumbnails_dir() / id_of(path)[:2] / f"{id_of(path)}.jpg"
    with Image.open(made) as small:
        assert small.size == (settings.THUMBNAIL_SIDE, settings.THUMBNAIL_SIDE // 2)
        same = images.open_image(path).resize(small.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(small, dtype=float) - np.asarray(same, dtype=float)).mean() < 4
    path.unlink()
    assert images.thumbnail(made.stem, path) == made


def test_a_thumbnail_never_shows_another_photo(tmp_path: Path) -> None:
    """A cached thumbnail is kept by content, so the file of a changed photo must not be kept under the old one's id."""
    path = photo(tmp_path / "a.jpg", seed=1)
    old = id_of(path)
    photo(path, seed=2)
    with pytest.raises(BadImage, match="has changed"):
        images.thumbnail(old, path)
    assert not images.thumbnail_path(old).exists()


@pytest.mark.parametrize("image_id", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_thumbnail_has_no_path_but_by_an_id(image_id: str, tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="not an image id"):
        images.thumbnail(image_id, photo(tmp_path / "a.jpg"))


def test_thumbnails_of_a_page_come_in_order_with_gaps_for_what_can_not_be_opened(
    tmp_path: Path,
) -> None:
    paths = [photo(tmp_path / f"{n}.jpg", seed=n) for n in range(5)]
    wanted = [(id_of(path), path) for path in paths]
    paths[2].unlink()
    made = images.thumbnails(wanted)
    assert [path and path.stem for path in made] == [
        image_id if n != 2 else None for n, (image_id, _) in enumerate(wanted)
    ]


def _camera(path: Path, size: tuple[int, int], **options: Any) -> Path:
    """A photo with the noise that makes the file of a camera large."""
    large = np.asarray(pixels(3, size), dtype=np.int16)
    noise = np.random.default_rng(1).integers(-24, 24, large.shape, dtype=np.int16)
    Image.fromarray((large + noise).clip(0, 255).astype(np.uint8)).save(path, **options)
    return path


def test_a_photo_within_the_limit_is_asked_as_it_is(tmp_path: Path) -> None:
    data = photo(tmp_path / "a.jpg").read_bytes()
    assert images.shrunk(data, len(data)) is data


@pytest.mark.parametrize(
    ("suffix", "options", "size", "most"),
    [
        ("jpg", {"quality": 99}, (3250, 2500), settings.MAX_INVOCATION_BYTES),
        ("png", {}, (1300, 1000), 2 * 2**20),
        ("webp", {"lossless": True, "method": 0}, (1300, 1000), 300_000),
    ],
)
def test_a_photo_beyond_the_limit_is_shrunk_upright(
    suffix: str, options: dict[str, Any], size: tuple[int, int], most: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _camera(tmp_path / f"a.{suffix}", size, exif=exif, **options)
    data = path.read_bytes()
    assert len(data) > most
    small = images.shrunk(data, most)
    assert len(small) <= most
    made, whole = images.open_image(small), images.open_image(path)
    assert made.height / made.width == pytest.approx(1.3, abs=0.01)
    assert min(made.size) >= 256
    same = whole.resize((65, 50)), made.resize((65, 50))
    assert np.abs(np.subtract(*(np.asarray(one, dtype=float) for one in same))).mean() < 2


def test_what_can_not_be_shrunk_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="can't be shrunk to 100 B"):
        images.shrunk(photo(tmp_path / "a.jpg").read_bytes(), 100)
    with pytest.raises(BadImage, match="not a photo"):
        images.shrunk(bytes(200), 100)
