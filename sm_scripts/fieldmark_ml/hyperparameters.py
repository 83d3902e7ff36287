"""The one table of train.py's arguments, from which argparse, the app's form, its validation and a
tuning job's ranges are built."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

from fieldmark_ml.architectures import MAX_IMAGE_SIZE, MIN_IMAGE_SIZE, PRESETS, VIEWS, parse_arch

AUTO = "auto"
# A name arrives with each unsafe UTF-8 byte as =XX, so it may be longer than the name itself.
CARRIED_NAME = re.compile(r"[A-Za-z0-9_.,:/+=@ -]{0,960}")
CARRIED_BYTE = re.compile("=([0-9A-F]{2})")
VALUE_PATTERN = re.compile(r"[A-Za-z0-9_.,:/+=@ -]{0,256}")
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


class BadValue(ValueError):
    """A value that cannot be used; `field` names the hyperparameter."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


@dataclass(frozen=True)
class Hyperparameter:
    """`kind` is int, float, bool, choice, arch or text.

    `low` and `high` are inclusive; `above` excludes its value.

    `automatic` allows `auto`. `modes` lists the modes in which it has an effect; `tunable` says
    whether a search over it makes sense.
    """

    name: str
    kind: str
    default: str
    help: str
    group: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    automatic: bool = False
    modes: tuple[str, ...] = ("frozen", "finetune")
    tunable: bool = False
    logarithmic: bool = False


_FINETUNE, _FROZEN = ("finetune",), ("frozen",)

_MODEL: tuple[Hyperparameter, ...] = (
    Hyperparameter("preset", "choice", "fast",
                   "Sets arch and views. Explicit values override it.",
                   "Model", choices=tuple(PRESETS)),
    Hyperparameter("mode", "choice", "frozen",
                   "frozen trains a head on cached features, in seconds. finetune also trains the "
                   "backbone, for large datasets.",
                   "Model", choices=("frozen", "finetune")),
    Hyperparameter("arch", "arch", AUTO,
                   "Backbones, as name or name@pixels joined by +, for example "
                   "lite0@320+lite2@300. auto: the preset's.",
                   "Model", automatic=True, tunable=True),
    Hyperparameter("image_size", "int", AUTO,
                   "Side of every backbone's input in pixels; more pixels are the cheapest way to "
                   "more accuracy. auto: the arch's.",
                   "Model", low=MIN_IMAGE_SIZE, high=MAX_IMAGE_SIZE, automatic=True, tunable=True),
    Hyperparameter("views", "choice", AUTO,
                   "plain uses each photo once; flip averages it with its mirror image. auto: the "
                   "preset's.",
                   "Model", choices=tuple(VIEWS), automatic=True, modes=_FROZEN, tunable=True),
    Hyperparameter("crop_to_box", "bool", "false",
                   "Trains and scores on the squares around the boxes. Predictions use whole "
                   "photos: crop them first.",
                   "Model"),
    Hyperparameter("head", "choice", "linear", "linear is a multinomial logistic regression; mlp "
                                               "has one hidden layer of 256 units.",
                   "Model", choices=("linear", "mlp"), tunable=True),
)  # fmt: skip

_TRAINING: tuple[Hyperparameter, ...] = (
    Hyperparameter("epochs", "int", AUTO,
                   "Passes over the train split (iterations, for lbfgs). auto: 200 for lbfgs, 30 "
                   "for an adamw head, 8 for finetune.",
                   "Training", low=1, high=10_000, automatic=True, tunable=True),
    Hyperparameter("batch_size", "int", AUTO, "Photos per step. lbfgs uses all at once. auto: 64 "
                                              "for a head, 32 for finetune.",
                   "Training", low=1, high=4096, automatic=True, tunable=True, logarithmic=True),
    Hyperparameter("lr", "float", AUTO, "Learning rate of adamw. auto: 0.003 for a head, 0.001 "
                                        "for finetune.",
                   "Training", above=0, high=10, automatic=True, tunable=True, logarithmic=True),
    Hyperparameter("backbone_lr_scale", "float", "0.1", "The backbone's learning rate as a share "
                                                        "of lr.",
                   "Training", low=0, high=1, modes=_FINETUNE, tunable=True, logarithmic=True),
    Hyperparameter("freeze_share", "float", "0.3",
                   "Share of the backbone's layers, counted from the input, that are frozen; 0 "
                   "trains all layers.",
                   "Training", low=0, high=1, modes=_FINETUNE, tunable=True),
    Hyperparameter("optimizer", "choice", AUTO,
                   "lbfgs (linear head, all photos at once) or adamw. auto: lbfgs if it can be "
                   "used.",
                   "Training", choices=("lbfgs", "adamw"), automatic=True),
    Hyperparameter("warmup_epochs", "float", "1",
                   "Epochs of linear warm-up from a learning rate of zero.",
                   "Training", low=0, high=100, modes=_FINETUNE),
    Hyperparameter("early_stopping_patience", "int", "10",
                   "Stops after this many epochs without a better validation score; 0 turns early "
                   "stopping off. Not for lbfgs, which runs until it converges.",
                   "Training", low=0, high=10_000),
    Hyperparameter("refit", "bool", "true",
                   "After the settings are chosen on validation, trains the head again on train "
                   "and validation together. The validation scores are those of the fit without "
                   "validation photos.",
                   "Training", modes=_FROZEN),
)  # fmt: skip

_REGULARISATION: tuple[Hyperparameter, ...] = (
    Hyperparameter("weight_decay", "float", AUTO,
                   "L2 regularisation strength. auto: chosen on validation for lbfgs, else 0.01.",
                   "Regularisation", low=0, high=1000, automatic=True, tunable=True,
                   logarithmic=True),
    Hyperparameter("dropout", "float", "0.2",
                   "Share of features dropped before the head's last layer (adamw only).",
                   "Regularisation", low=0, high=0.95, tunable=True),
    Hyperparameter("label_smoothing", "float", "0",
                   "Share of the label's probability that is spread over all classes.",
                   "Regularisation", low=0, high=0.9, tunable=True),
    Hyperparameter("ema", "float", "0.99",
                   "Decay of the exponential moving average of the weights, which is evaluated and"
                   " kept; 0 turns it off.",
                   "Regularisation", low=0, high=0.99999, modes=_FINETUNE),
    Hyperparameter("augment", "choice", "light", "none, light (crop and mirror) or randaugment.",
                   "Augmentation", choices=("none", "light", "randaugment"), modes=_FINETUNE,
                   tunable=True),
    Hyperparameter("mixup", "float", "0", "Mixup's alpha; 0 is off.",
                   "Augmentation", low=0, high=10, modes=_FINETUNE, tunable=True),
    Hyperparameter("cutmix", "float", "0", "CutMix's alpha; 0 is off.",
                   "Augmentation", low=0, high=10, modes=_FINETUNE, tunable=True),
)  # fmt: skip

_RUN: tuple[Hyperparameter, ...] = (
    Hyperparameter("precision", "choice", AUTO,
                   "auto: the fastest safe arithmetic of the hardware (bf16 if supported). exact: "
                   "fp32, eager.",
                   "Run", choices=("exact",), automatic=True),
    Hyperparameter("seed", "int", "7",
                   "Random seed; the same seed repeats the run.",
                   "Run", low=0, high=2**31 - 1),
    Hyperparameter("unsure_target", "float", "0.95",
                   "Accuracy wanted among confident answers; it sets the threshold below which an "
                   "answer is unsure.",
                   "Run", low=0, high=1),
    Hyperparameter("checkpoint_dir", "text", "/opt/ml/checkpoints",
                   "Folder for checkpoints; a restarted job resumes from there.", "Run"),
    Hyperparameter("name", "text", "",
                   "The model's name; characters that are not safe in an argument as =XX.",
                   "Run"),
    Hyperparameter("dataset_id", "text", "", "Kept in the model, so that its lineage is "
                                             "known.", "Run"),
    Hyperparameter("dataset_version", "text", "", "Kept in the model, so that its lineage is "
                                                  "known.", "Run"),
)  # fmt: skip

# The settings of a training: a typed value for every name of TABLE.
Values = dict[str, Any]

TABLE: tuple[Hyperparameter, ...] = (*_MODEL, *_TRAINING, *_REGULARISATION, *_RUN)
BY_NAME = {parameter.name: parameter for parameter in TABLE}


def parse(values: Mapping[str, str]) -> Values:
    """Parse strings to typed values of all of TABLE's names, with defaults; `auto` stays the string
    "auto".

    Raises BadValue (a ValueError) naming the field for an unknown name, a value out of range or of
    the wrong type.
    """
    for name in values:
        if name not in BY_NAME:
            raise BadValue(name, "there is no such hyperparameter")
    return {
        parameter.name: _typed(parameter, str(values.get(parameter.name, parameter.default)))
        for parameter in TABLE
    }


def _name(text: str) -> str:
    """Return a name as the user wrote it: the inverse of core's carried_name."""
    if not CARRIED_NAME.fullmatch(text):
        raise BadValue(
            "name",
            "only letters, digits, spaces and _.,:/+@- are allowed; write each other UTF-8 byte "
            "as =XX",
        )
    return unquote(CARRIED_BYTE.sub(r"%\1", text), errors="replace")


def _typed(parameter: Hyperparameter, text: str) -> int | float | str:
    if parameter.kind != "text":
        text = text.strip()
    if parameter.name == "name":
        return _name(text)
    if not VALUE_PATTERN.fullmatch(text) and parameter.name != "checkpoint_dir":
        raise BadValue(
            parameter.name,
            f"{text[:40]!r} has characters that are not allowed; use letters, digits, spaces and "
            "_.,:/+=@-",
        )
    if parameter.automatic and text.lower() == AUTO:
        return AUTO
    return _READERS[parameter.kind](parameter, text)


def _choice(parameter: Hyperparameter, text: str) -> str:
    if text not in parameter.choices:
        raise BadValue(parameter.name, f"{text!r} is not one of {', '.join(_words(parameter))}")
    return text


def _words(parameter: Hyperparameter) -> tuple[str, ...]:
    if parameter.automatic:
        return (AUTO, *parameter.choices)
    return parameter.choices


def _boolean(parameter: Hyperparameter, text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise BadValue(parameter.name, f"{text!r} is not true or false")
    return text.lower() in _TRUE


def _arch(parameter: Hyperparameter, text: str) -> str:
    try:
        parse_arch(text)
    except ValueError as error:
        raise BadValue(parameter.name, str(error)) from None
    return text


def _ranged(parameter: Hyperparameter, text: str) -> int | float:
    expected = _range_text(parameter)
    try:
        # SageMaker's containers pass 10 to a script as 1e1 or 10.0.
        value = float(text)
    except ValueError:
        raise BadValue(parameter.name, f"{text!r} is not a number; it can be {expected}") from None
    outside = (
        not math.isfinite(value)
        or (parameter.low is not None and value < parameter.low)
        or (parameter.above is not None and value <= parameter.above)
        or (parameter.high is not None and value > parameter.high)
    )
    if outside or (parameter.kind == "int" and value != int(value)):
        raise BadValue(parameter.name, f"{text} cannot be used; it can be {expected}")
    if parameter.kind == "int":
        return int(value)
    return value


def _range_text(parameter: Hyperparameter) -> str:
    what = {"int": "a whole number", "float": "a number"}[parameter.kind]
    low = f"from {parameter.low:g}" if parameter.above is None else f"above {parameter.above:g}"
    text = f"{what} {low} to {parameter.high:g}"
    if parameter.automatic:
        text += " or auto"
    return text


def _text(_: Hyperparameter, text: str) -> str:
    return text


_READERS: dict[str, Callable[[Hyperparameter, str], int | float | str]] = {
    "int": _ranged,
    "float": _ranged,
    "bool": _boolean,
    "choice": _choice,
    "arch": _arch,
    "text": _text,
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadValue("arguments", message)


def parser(description: str) -> argparse.ArgumentParser:
    """Return one argument group per group of TABLE; every value stays a string, `parse` understands
    it."""
    made = _Parser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    names = dict.fromkeys(parameter.group for parameter in TABLE)
    groups = {name: made.add_argument_group(name) for name in names}
    for parameter in TABLE:
        groups[parameter.group].add_argument(
            f"--{parameter.name}", default=None, metavar="VALUE", help=_help(parameter)
        )
    return made


def _help(parameter: Hyperparameter) -> str:
    text = parameter.help
    if parameter.choices:
        text += f" {{{','.join(_words(parameter))}}}"
    return f"{text} (default: {parameter.default})".replace("%", "%%")


def from_arguments(arguments: Sequence[str], description: str) -> Values:
    """Return the typed values of a command line. Raises BadValue."""
    given = {
        name: value
        for name, value in vars(parser(description).parse_args(arguments)).items()
        if value is not None
    }
    return parse(given)


def resolve(values: Values) -> Values:
    """Return `values` with every `auto` replaced by its value given the others. weight_decay may
    stay auto: it is chosen from the data.

    Raises BadValue if two values are incompatible.
    """
    made = dict(values)
    finetune = made["mode"] == "finetune"
    made["views"] = _views(made, finetune)
    made["arch"] = _whole_arch(made, finetune)
    lbfgs = not finetune and made["head"] == "linear"
    if made["optimizer"] == AUTO:
        made["optimizer"] = "lbfgs" if lbfgs else "adamw"
    elif made["optimizer"] == "lbfgs" and not lbfgs:
        raise BadValue(
            "optimizer", "lbfgs works only with a linear head in frozen mode; choose adamw"
        )
    for name, value in _usual(finetune, made["optimizer"]).items():
        if made[name] == AUTO:
            made[name] = value
    if made["weight_decay"] == AUTO and made["optimizer"] == "adamw":
        made["weight_decay"] = 0.01
    return made


def _usual(finetune: bool, optimizer: str) -> dict[str, int | float]:
    """Return the value of `auto` that the mode and the optimizer decide."""
    if finetune:
        return {"epochs": 8, "batch_size": 32, "lr": 0.001}
    if optimizer == "lbfgs":
        return {"epochs": 200, "batch_size": 64, "lr": 0.003}
    return {"epochs": 30, "batch_size": 64, "lr": 0.003}


def _views(made: Values, finetune: bool) -> str:
    if finetune:
        return "plain"
    if made["views"] != AUTO:
        return str(made["views"])
    if made["arch"] != AUTO:
        return "plain"
    return PRESETS[made["preset"]].views


def _arch_asked(made: Values, finetune: bool) -> str:
    if made["arch"] != AUTO:
        return str(made["arch"])
    preset = PRESETS[made["preset"]]
    if finetune:
        return preset.finetune_arch
    return preset.arch


def _whole_arch(made: Values, finetune: bool) -> str:
    arch = _arch_asked(made, finetune)
    choices = parse_arch(arch)
    if finetune and len(choices) > 1:
        raise BadValue(
            "arch",
            f"finetune trains one backbone, and {arch} names {len(choices)}; choose one of them, "
            "or mode frozen",
        )
    if made["image_size"] == AUTO:
        return arch
    return "+".join(f"{choice.name}@{made['image_size']}" for choice in choices)
