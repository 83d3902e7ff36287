"""Saliency: the map lies where the class's mark is, is CAM where it should be, and covers what the network saw and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageDraw
from torch import nn

import saliency
from fieldmark_ml.network import backbones
from fieldmark_ml.network import model as models
from fieldmark_ml.photos import preprocessing
from fieldmark_ml.photos.preprocessing import Preprocessing
from tests.sm_scripts import running

SIZE = 128
MARKS = {"disc": (200, 30, 30), "frame": (30, 60, 200)}
HOW = Preprocessing(64, 64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def drawing(name: str, quadrant: int, seed: int) -> Image.Image:
    """Pale noise with the class's mark in the middle of one quadrant, counted by rows."""
    chance = np.random.default_rng([seed, quadrant, *name.encode()])
    image = Image.fromarray(chance.integers(190, 250, (SIZE, SIZE, 3), dtype=np.uint8))
    top, left = (SIZE // 2 * (quadrant // 2) + 14, SIZE // 2 * (quadrant % 2) + 14)
    box = (left, top, left + 36, top + 36)
    draw = ImageDraw.Draw(image)
    if name == "disc":
        draw.ellipse(box, fill=MARKS[name])
    else:
        draw.rectangle(box, outline=MARKS[name], width=9)
    return image


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> running.Run:
    """A model that tells the marks apart wherever they are. The network sees the whole drawing but for a thin rim."""
    folder = tmp_path_factory.mktemp("marked")
    rows = []
    for name in MARKS:
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(16):
            path = f"{name}/{number:02d}.png"
            drawing(name, number % 4, number).save(folder / "photos" / path)
            rows.append((path, name, "train" if number < 12 else "validation"))
    running.write_manifest(folder / "photos", rows)
    run = running.train(
        folder / "run", folder / "photos", arch=f"lite0@{SIZE}", weight_decay="0.01"
    )
    assert run.code == 0, run.log
    return run


@pytest.fixture(scope="module")
def model(marked: running.Run) -> models.Model:
    return models.load(marked.model, marked.model / "code" / backbones.PACKAGE).requires_grad_(
        False
    )


def pixels(image: Image.Image) -> torch.Tensor:
    return preprocessing.from_pillow(image)


@pytest.mark.parametrize("name", list(MARKS))
@pytest.mark.parametrize("quadrant", range(4))
def test_the_evidence_for_a_class_lies_where_its_mark_is(
    model: models.Model, name: str, quadrant: int
) -> None:
    photo = pixels(drawing(name, quadrant, 99))
    probabilities, (maps, named) = saliency.evidence(model, photo, [name])
    assert model.classes[int(probabilities.argmax())] == name
    assert torch.equal(maps[0], named[0])
    drawn, _ = saliency.heat(maps, model.how, (SIZE, SIZE), (SIZE, SIZE))
    half = SIZE // 2
    shares = torch.stack(
        [
            drawn[:half, :half].sum(),
            drawn[:half, half:].sum(),
            drawn[half:, :half].sum(),
            drawn[half:, half:].sum(),
        ]
    )
    assert int(shares.argmax()) == quadrant, shares
    assert shares[quadrant] > 0.4 * shares.sum(), (
        "chance would be 0.25, and the map has 4 x 4 places"
    )


def test_with_a_linear_head_it_is_cam(model: models.Model) -> None:
    """Zhou et al. 2016: the head's weights for the class, applied at every place of the last map instead of to its mean."""
    photo = pixels(drawing("disc", 1, 5))
    _, (_, maps) = saliency.evidence(model, photo, ["frame"])
    weights = model.head.last.weight[model.classes.index("frame")] / model.head.deviation
    backbone = model.backbones[0]
    with torch.inference_mode():
        batch = model.inputs([photo])[0]
        places = backbone.network.forward_features(
            (batch.float() - backbone.mean) * backbone.scale
        )[0]
    expected = torch.einsum("c,chw->hw", weights, places).clamp(min=0)
    assert torch.allclose(maps[0], expected, atol=1e-4)


def test_a_mirrored_photo_has_the_mirrored_map(
    model: models.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(model.info, "views", ["plain", "flip"])
    photo = pixels(drawing("disc", 0, 3))
    _, (one,) = saliency.evidence(model, photo, [])
    _, (other,) = saliency.evidence(model, photo.flip(2), [])
    assert torch.allclose(one[0], other[0].flip(1), atol=1e-4)


@pytest.mark.parametrize(
    "name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224", "mixer_s32_224"]
)
def test_every_kind_of_backbone_has_a_map_and_keeps_its_features(name: str) -> None:
    torch.manual_seed(0)
    size = {"img_size": HOW.image_size} if "_224" in name else {}
    network = timm.create_model(name, num_classes=0, **size).eval().requires_grad_(False)
    backbone = backbones.Backbone(network, HOW)
    batch = torch.randint(0, 256, (1, 3, HOW.image_size, HOW.image_size), dtype=torch.uint8)
    look = saliency._look(backbone, batch, mirrored=False)
    assert torch.allclose(look.features, backbone(batch), atol=1e-5)
    (gradient,) = torch.autograd.grad(look.features.square().sum(), look.places)
    found = look.evidence(gradient)
    assert found.shape[0] == found.shape[1] > 1
    assert found.max() > 0


def test_channels_may_come_first_or_last_and_places_as_tokens() -> None:
    places, slopes = torch.randn(1, 6, 3, 3), torch.randn(1, 6, 3, 3)
    expected = saliency.Look(places, places, 0, mirrored=False).evidence(slopes)
    last = [tensor.permute(0, 2, 3, 1) for tensor in (places, slopes)]
    assert torch.allclose(
        saliency.Look(last[0], places, 0, mirrored=False).evidence(last[1]), expected
    )
    tokens = [
        torch.cat([torch.randn(1, 2, 6), tensor.flatten(2).transpose(1, 2)], dim=1)
        for tensor in (places, slopes)
    ]
    assert torch.allclose(
        saliency.Look(tokens[0], places, 2, mirrored=False).evidence(tokens[1]), expected
    )


def test_a_network_without_a_map_of_places_is_refused_in_words() -> None:
    backbone = backbones.Backbone(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 4)), HOW)
    with pytest.raises(saliency.Unexplained, match="Sequential has no spatial feature map"):
        saliency._look(backbone, torch.zeros(1, 3, 64, 64, dtype=torch.uint8), mirrored=False)


@pytest.mark.parametrize(
    ("height", "width"), [(375, 500), (500, 333), (64, 64), (60, 900), (1000, 90)]
)
def test_what_is_drawn_as_seen_is_what_the_network_gets(height: int, width: int) -> None:
    how = Preprocessing(96, 110, HOW.mean, HOW.std)
    # Red and green say how far down and right a pixel lies.
    down, right = torch.meshgrid(
        torch.linspace(0, 255, height), torch.linspace(0, 255, width), indexing="ij"
    )
    got = preprocessing.prepare(torch.stack([down, right, right]).round().byte(), how).float() / 255
    top, left, bottom, right_edge = saliency.seen(height, width, how)
    edges = got[0, 0, 0].item(), got[1, 0, 0].item(), got[0, -1, 0].item(), got[1, 0, -1].item()
    assert edges == pytest.approx((top, left, bottom, right_edge), abs=0.02)


def test_what_the_network_did_not_see_is_grey_and_strong_evidence_is_coloured() -> None:
    photo = torch.full((3, 40, 80), 120, dtype=torch.uint8)
    photo[1] = 60
    strength, visible = torch.zeros(40, 80), torch.zeros(40, 80, dtype=torch.bool)
    visible[:, 20:60], strength[10:20, 30:40] = True, 1.0
    drawn = np.asarray(saliency.overlay(photo, strength, visible)).astype(int)
    assert len(set(drawn[5, 5])) == 1
    assert drawn[5, 5].sum() < drawn[5, 25].sum()
    assert tuple(drawn[15, 35]) != tuple(drawn[5, 25])
    assert drawn[15, 35, 0] > drawn[15, 35, 2] + 40


def by_hand(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = running.SM_SCRIPTS / "saliency.py"
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_by_hand(marked: running.Run, tmp_path: Path) -> None:
    photo = tmp_path / "a photo.png"
    drawing("disc", 2, 7).resize((300, 200)).save(photo)
    done = by_hand(
        marked.model,
        photo,
        "--label",
        "frame",
        "--label",
        "disc",
        tmp_path / "a.png",
        tmp_path / "b.jpg",
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(": ")[1].split(",")[0] for line in done.stdout.splitlines()] == [
        "frame",
        "disc",
    ]
    with Image.open(tmp_path / "a.png") as first, Image.open(tmp_path / "b.jpg") as second:
        assert (first.format, second.format, first.size, second.size) == (
            "PNG",
            "JPEG",
            (300, 200),
            (300, 200),
        )


def test_the_predicted_class_is_explained_where_none_is_named_and_large_photos_are_drawn_smaller(
    marked: running.Run, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    drawing("frame", 1, 8).resize((2048, 1024)).save(photo)
    done = by_hand(marked.model, photo, tmp_path / "map.jpg")
    assert "frame, probability" in done.stdout, done.stderr
    with Image.open(tmp_path / "map.jpg") as found:
        assert found.size == (saliency.MAX_SIDE, saliency.MAX_SIDE // 2)


def test_what_cannot_be_explained_is_said_in_one_line(
    marked: running.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    photo, text, out = tmp_path / "photo.png", tmp_path / "text.jpg", tmp_path / "map.png"
    drawing("disc", 0, 1).save(photo)
    text.write_text("no photo")
    for arguments, reason in (
        ((marked.model, photo, "--label", "robin", out), "knows no class 'robin'"),
        ((marked.model, text, out), "not a photo"),
        ((marked.model, tmp_path / "gone.png", out), "gone.png"),
        ((tmp_path, photo, out), "is not a model folder"),
    ):
        assert saliency.main([str(argument) for argument in arguments]) == 1
        said = capsys.readouterr().err
        assert reason in said
        assert said.count("\n") == 1
        assert not out.exists()
    with pytest.raises(SystemExit):
        saliency.main(
            [str(marked.model), str(photo), "--label", "disc", str(out), str(tmp_path / "b.png")]
        )


def test_a_model_is_rebuilt_by_the_code_that_travels_with_it(
    marked: running.Run, photos: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "model"
    subprocess.run(["cp", "-r", str(marked.model), str(copied)], check=True)
    inference = copied / "code" / "inference.py"
    inference.write_text(inference.read_text() + '\nprint("its own code")\n')
    done = by_hand(copied, next(photos.rglob("*.png")), tmp_path / "map.png")
    assert done.stdout.startswith("its own code"), done.stderr


def test_the_features_of_a_photo_are_those_that_training_cached(
    trained: running.Run, photos: Path, tmp_path: Path
) -> None:
    made = tmp_path / "features.npy"
    photo = photos / "circle" / "03.png"
    script = running.SM_SCRIPTS / "embed.py"
    done = subprocess.run(
        [sys.executable, script, trained.model, photo, made],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    features = np.load(made, allow_pickle=False)
    image_id = str(
        trained.predictions["image_id"][list(trained.predictions["path"]).index("circle/03.png")]
    ).encode()
    shards = [
        np.load(path, allow_pickle=False)
        for path in (trained.folder / "features").glob("*-plain-*/*.npz")
    ]
    (cached,) = [
        shard["features"][shard["image_ids"] == image_id][0]
        for shard in shards
        if image_id in shard["image_ids"]
    ]
    assert features.dtype == np.float32
    assert np.allclose(features, cached, atol=1e-3)
