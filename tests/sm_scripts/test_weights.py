"""Where a backbone's weights come from, that they are the right ones, and what is said when there are none."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

from fieldmark_ml import architectures
from fieldmark_ml.engines import choose as forms
from fieldmark_ml.network import backbones, tensors, weights, zoo
from fieldmark_ml.training import plan
from tests.sm_scripts import running

TIMM = [
    "lite0",
    "lite1",
    "lite2",
    "resnet18",
    "resnet50",
    "convnext_tiny",
    "tf_efficientnetv2_s",
    "vit_small_patch16_224.dino",
]


@pytest.mark.parametrize("name", ["lite0", "lite1", "lite2"])
def test_packaged_weights_fit_timms_model_tensor_by_tensor(name: str) -> None:
    import timm

    architecture = architectures.ARCHITECTURES[name]
    file = weights.find(name, architecture.timm_name)
    state = weights.read(file, architecture)
    network = timm.create_model(architecture.timm_name)
    network.load_state_dict(state, strict=True)
    assert list(network.state_dict()) == list(state)


def test_the_copied_model_code_computes_what_timm_computes(tmp_path: Path) -> None:
    import timm

    (planned,) = plan.plan("lite0@64")
    ours = planned.make()
    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    theirs.load_state_dict(planned.state(), strict=True)
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(ours(pixels), theirs((pixels - 127.5) * (1 / 127.5)))


@pytest.mark.parametrize("name", TIMM)
def test_the_table_says_what_timm_says(name: str) -> None:
    import timm

    architecture = architectures.ARCHITECTURES[name]
    cfg = timm.get_pretrained_cfg(architecture.timm_name)
    assert cfg.input_size[-1] == architecture.image_size
    assert cfg.crop_pct == architecture.crop_share
    assert (tuple(cfg.mean), tuple(cfg.std)) == architecture.normalisation
    assert cfg.interpolation == "bicubic"
    assert architecture.package or cfg.hf_hub_id == architecture.hub
    assert (
        timm.create_model(architecture.timm_name, num_classes=0).head_hidden_size
        == architecture.dimensions
    )


def test_weights_without_a_network_fail_soon_and_say_what_works(
    photos: Path, tmp_path: Path
) -> None:
    offline = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path / "hub"),
    }
    run = running.train(tmp_path, photos, offline, arch="resnet18@64")
    assert run.code == 1
    assert "resnet18" in run.failure
    assert "lite0, lite1 or lite2" in run.failure
    assert "weights channel" in run.failure
    assert len(run.log.splitlines()) < 15


def test_a_damaged_weights_file_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    damaged = tmp_path / "weights" / "tf_efficientnet_lite0.safetensors"
    damaged.write_bytes(b"not weights at all, but long enough to look at")
    run = running.train(tmp_path, photos, {"SM_CHANNEL_WEIGHTS": str(tmp_path / "weights")})
    assert run.code == 1
    assert str(damaged) in run.failure


def test_weights_of_another_network_are_refused_and_the_channel_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SM_CHANNEL_WEIGHTS", str(tmp_path))
    tensors.save(
        {"conv_stem.weight": torch.zeros(8, 3, 3, 3)},
        tmp_path / "tf_efficientnet_lite1.safetensors",
    )
    (planned,) = plan.plan("lite1")
    assert planned.file.path.parent == tmp_path
    with pytest.raises(Exception, match="are not those of tf_efficientnet_lite1"):
        planned.make()


@pytest.mark.parametrize(
    "arch",
    ["resnet18@64", "vit_small_patch16_224.dino@64", "timm/mobilenetv3_small_050@64+lite0@64"],
)
def test_any_backbone_of_timm_trains_from_a_given_file(
    arch: str, photos: Path, tmp_path: Path
) -> None:
    import timm

    timm_name = arch.split("@")[0].removeprefix("timm/")
    (tmp_path / "weights").mkdir()
    torch.manual_seed(0)
    tensors.save(
        timm.create_model(timm_name, pretrained=False).state_dict(),
        tmp_path / "weights" / f"{timm_name}.safetensors",
    )
    run = running.train(
        tmp_path,
        photos,
        {"SM_CHANNEL_WEIGHTS": str(tmp_path / "weights")},
        arch=arch,
        weight_decay="0.1",
    )
    assert run.code == 0, run.log

    import inference

    model = inference.model_fn(str(run.model))
    rows = run.predictions
    index = int((rows["split"] == "test").argmax())
    photo = inference.input_fn((photos / rows["path"][index]).read_bytes(), "image/png")
    served, _ = inference.score_batch(model, [photo.pixels])
    assert torch.allclose(served[0], torch.from_numpy(rows["probabilities"][index]), atol=1e-4)


def test_a_container_without_timm_uses_the_copy_sent_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo.copy(["tf_efficientnet_lite0"], tmp_path / "sent")
    expected = {
        path.relative_to(tmp_path / "sent"): path.read_text()
        for path in (tmp_path / "sent").rglob("*.py")
    }
    monkeypatch.setattr(zoo, "SENT_ALONG", tmp_path / "sent")
    zoo.copy(["tf_efficientnet_lite0"], tmp_path / "again")
    assert {
        path.relative_to(tmp_path / "again"): path.read_text()
        for path in (tmp_path / "again").rglob("*.py")
    } == expected


def test_a_name_timm_does_not_have_is_refused() -> None:
    with pytest.raises(Exception, match="no model 'resnet19'"):
        zoo.module_of("resnet19")


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_folded_batch_norm_and_openvino_keep_the_answers(name: str, tmp_path: Path) -> None:
    (planned,) = plan.plan(f"{name}@96")
    backbone = planned.make()
    pixels = torch.randint(
        0, 256, (3, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    with torch.inference_mode():
        exact = backbone(pixels)
        assert (forms.folded(backbone)(pixels) - exact).abs().max() < 1e-4
    assert not [
        part for part in forms.folded(backbone).modules() if isinstance(part, torch.nn.BatchNorm2d)
    ]
    made = functools.partial(forms.OpenVinoEngine, planned.make, 96)
    assert (made("fp32", 1, tmp_path)(pixels) - exact).abs().max() < 1e-4
    assert (tmp_path / "openvino.xml").is_file()
    rounded = made("bf16", 1, tmp_path)(pixels)
    assert torch.nn.functional.cosine_similarity(rounded, exact).min() > 0.97


def test_models_of_two_artifacts_live_beside_each_other(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        zoo.copy(["tf_efficientnet_lite0"], tmp_path / folder)
    names = {backbones.load_package(tmp_path / folder) for folder in ("one", "two")}
    assert len(names) == 2
