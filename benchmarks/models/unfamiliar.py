"""Detection of unfamiliar images: AUROC of a model's familiarity for images without birds, and for
species left out of training. The peer is the baseline of any classifier: its largest probability
(Hendrycks and Gimpel 2017)."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from benchmarks.harness import Outcome, Row
from benchmarks.models import strangers
from benchmarks.photos import BY_RATIOS, OFFICIAL, Photos, photos
from benchmarks.training.trainer import Training, train_and_keep
from core import settings
from core.datasets import manifest, store
from core.jobs import processes

TARGET = 1.0
# Each class is left out once; of birds12, three at a time.
FOLDS = 4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """A served model's scores of some images, larger for more familiar ones, and the number
    flagged."""

    similarity: Floats
    confidence: Floats
    flagged: int

    def __len__(self) -> int:
        return len(self.similarity)


def run() -> Outcome:
    where = photos()
    trained, folder = _train(where, "all")
    strange = _ask(
        folder, {"known": _test_photos(where), **strangers.write(harness.workspace() / "strangers")}
    )
    known = strange.pop("known")
    every = _together(list(strange.values()))
    left_out = _left_out(where)
    rows = [_row(f"  {kind}", known, scores) for kind, scores in strange.items()]
    ours = Row(
        "familiarity",
        auroc(known.similarity, every.similarity),
        trained.accuracy,
        f"{len(every)} images without a bird",
    )
    peer = Row(
        "peer: largest probability",
        auroc(known.confidence, every.confidence),
        trained.accuracy,
        "the same images",
    )
    species = Row(
        "  species left out",
        left_out["auroc"],
        note=f"{left_out['n']} photos, {left_out['folds']} trainings",
        compared=False,
    )
    extra = {
        "species_left_out": round(left_out["auroc"], 4),
        "species_left_out_peer": round(left_out["peer"], 4),
        "false_alarms": round(known.flagged / len(known), 4),
        "caught": round(every.flagged / len(every), 4),
        "strangers": {kind: len(scores) for kind, scores in strange.items()},
    }
    return Outcome(
        "unfamiliar",
        "AUROC",
        ours,
        peer,
        TARGET,
        len(known),
        more_is_better=True,
        others=(*rows, species),
        extra=extra,
    )


def auroc(familiar: Floats, strange: Floats) -> float:
    """Return the AUROC: how often a familiar photo scores above an unfamiliar one; a tie counts
    half (Mann and Whitney 1947)."""
    ordered = np.sort(strange)
    below, not_above = (np.searchsorted(ordered, familiar, side=side) for side in ("left", "right"))
    return float((below + not_above).sum() / (2 * len(familiar) * len(strange)))


def _row(name: str, known: Scores, scores: Scores) -> Row:
    peer = auroc(known.confidence, scores.confidence)
    note = f"{scores.flagged}/{len(scores)} flagged; largest probability {peer:.3f}"
    return Row(name, auroc(known.similarity, scores.similarity), note=note, compared=False)


def _left_out(where: Photos) -> dict[str, float]:
    """Return the mean AUROC over trainings that each leave out a quarter of the classes; each class
    is left out once."""
    found, peers, count = [], [], 0
    for fold in range(FOLDS):
        hidden = where.version.classes[fold::FOLDS]
        kept = [name for name in where.version.classes if name not in hidden]
        part = _of_classes(where, kept, f"fold-{fold}")
        _, folder = _train(part, f"without {', '.join(hidden)}")
        answers = _ask(folder, {"known": _test_photos(part), "hidden": _test_photos(where, hidden)})
        known, strange = answers["known"], answers["hidden"]
        found.append(auroc(known.similarity, strange.similarity))
        peers.append(auroc(known.confidence, strange.confidence))
        count += len(strange)
    return {
        "auroc": float(np.mean(found)),
        "peer": float(np.mean(peers)),
        "n": count,
        "folds": FOLDS,
    }


def _of_classes(where: Photos, labels: Sequence[str], name: str) -> Photos:
    """Return the dataset with only these classes and the same split."""
    official = set(store.manifest_of(where.version, columns=["official"])["official"])
    version = store.derive(
        where.version, OFFICIAL if {"train", "test"} <= official else BY_RATIOS, labels
    )
    path = harness.workspace() / name / "manifest.csv"
    path.parent.mkdir()
    manifest.write_csv(store.manifest_of(version), path)
    return dataclasses.replace(where, manifest=path, version=version)


def _test_photos(where: Photos, labels: Sequence[str] = ()) -> list[Path]:
    rows = store.manifest_of(where.version, ["path", "label"], [("split", "==", "test")])
    chosen = rows[rows["label"].isin(labels)] if labels else rows
    return [where.root / path for path in chosen["path"]]


def _train(where: Photos, label: str) -> tuple[Training, Path]:
    kept = harness.workspace() / f"model-{where.manifest.parent.name}"
    return train_and_keep(
        where, harness.workspace() / "features", kept, label=label, preset="fast"
    ), kept


def _ask(folder: Path, groups: Mapping[str, Sequence[Path]]) -> dict[str, Scores]:
    """Return the answers of the model in `folder` for each non-empty group of images, in one
    process."""
    listed = harness.workspace() / "list.json"
    paths = [str(path) for group in groups.values() for path in group]
    listed.write_text(json.dumps(paths))
    command = [sys.executable, "-m", "benchmarks.models.familiar_scores", str(folder), str(listed)]
    environment = processes.clean_environment(processes.COMPUTING)
    said = harness.run(
        command, cwd=settings.PROJECT, env=environment, label=f"{len(paths)} images scored"
    ).report()
    answers, start = {}, 0
    for name, group in groups.items():
        part = slice(start, start + len(group))
        start = part.stop
        if group:
            answers[name] = Scores(
                np.array(said["similarity"][part]),
                np.array(said["confidence"][part]),
                sum(said["unfamiliar"][part]),
            )
    return answers


def _together(parts: Sequence[Scores]) -> Scores:
    similarity, confidence = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("similarity", "confidence")
    )
    return Scores(similarity, confidence, sum(part.flagged for part in parts))
