"""The table of hyperparameters: what is understood, what is refused and by which name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fieldmark_ml import architectures, hyperparameters
from tests.sm_scripts import running


def test_every_default_is_a_value() -> None:
    values = hyperparameters.parse({})
    assert set(values) == {parameter.name for parameter in hyperparameters.TABLE}
    assert hyperparameters.resolve(values)["arch"] == "lite0@288"


REFUSED = {
    "lr": ("0", "-1", "nan", "inf", "fast"),
    "batch_size": ("0", "8.5"),
    "epochs": ("1000000000", ""),
    "arch": ("resnet999", "lite0@9", "lite0+lite0", ""),
    "name": ("it's", "a\nb", "x" * 961),
    "dataset_id": ("it's", "x" * 257),
    "mode": ("both",),
    "refit": ("maybe",),
    "seed": ("-1",),
    "dropout": ("1",),
    "momentum": ("0.9",),
}
ANY_TIMM = "timm/mobilenetv3_small_100.lamb_in1k@160"
UNDERSTOOD = {
    "lr": {"1e-3": 0.001},
    "epochs": {"10.0": 10, "1e1": 10, " 12 ": 12},
    "refit": {"True": True, "true": True, "1": True, "0": False, "false": False},
    "weight_decay": {"auto": "auto", "0": 0.0},
    "arch": {"lite0@320+lite2": "lite0@320+lite2", ANY_TIMM: ANY_TIMM},
    "name": {"Birds of 2026, v1": "Birds of 2026, v1", "V=C3=B6gel": "V\u00f6gel", "lr=x": "lr=x"},
}


@pytest.mark.parametrize(
    ("field", "text"), [(field, text) for field, texts in REFUSED.items() for text in texts]
)
def test_fault_20_what_cannot_be_used_names_its_field(field: str, text: str) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        hyperparameters.parse({field: text})
    assert isinstance(caught.value, hyperparameters.BadValue)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [(field, *pair) for field, pairs in UNDERSTOOD.items() for pair in pairs.items()],
)
def test_fault_22_spellings_of_both_contracts(field: str, text: str, value: object) -> None:
    made = hyperparameters.parse({field: text})[field]
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"optimizer": "lbfgs", "head": "mlp"}, "optimizer"),
        ({"mode": "finetune", "arch": "lite0+lite1"}, "arch"),
    ],
)
def test_values_that_exclude_each_other_name_a_field(given: dict[str, str], field: str) -> None:
    with pytest.raises(hyperparameters.BadValue, match=field) as caught:
        hyperparameters.resolve(hyperparameters.parse(given))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("given", "arch", "views"),
    [
        ({}, "lite0@288", "plain"), ({"preset": "balanced"}, "lite0@320", "flip"),
        ({"preset": "best"}, "lite0@320+lite1@240+lite2@300", "flip"),
        ({"preset": "best", "image_size": "224"}, "lite0@224+lite1@224+lite2@224", "flip"),
        ({"preset": "best", "arch": "lite1"}, "lite1", "plain"), ({"preset": "balanced", "views": "plain"}, "lite0@320", "plain"),
        ({"preset": "best", "mode": "finetune"}, "lite2@300", "plain"),
    ],
)  # fmt: skip
def test_presets_set_arch_and_views_and_explicit_values_override(
    given: dict[str, str], arch: str, views: str
) -> None:
    resolved = hyperparameters.resolve(hyperparameters.parse(given))
    assert (resolved["arch"], resolved["views"]) == (arch, views)


def test_288_pixels_resize_to_329() -> None:
    assert architectures.resize_for(288, 0.875) == 329
    assert architectures.resize_for(224, 0.875) == 256
    assert architectures.resize_for(384, 1.0) == 384


def test_the_tables_are_read_without_torch() -> None:
    code = (
        "import sys; from fieldmark_ml import architectures, hyperparameters; from fieldmark_ml.photos import images\n"
        "assert not {'torch', 'numpy', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=running.SM_SCRIPTS, check=True)


def test_help_explains_every_argument() -> None:
    shown = subprocess.run(
        [sys.executable, "train.py", "--help"],
        cwd=running.SM_SCRIPTS,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(
        f"--{parameter.name}" in shown and parameter.help for parameter in hyperparameters.TABLE
    )
    assert "torchrun" in shown
