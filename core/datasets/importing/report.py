"""The report of an import: stored as a dict in version.json, read through one frozen class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import pandas as pd

from core.datasets.importing import entries
from core.datasets.importing.entries import Layout
from core.datasets.planning import listing
from core.datasets.splits import listed
from core.io.names import printable

# Bounds the lists in version.json; counts and the manifest are complete.
MAX_ROWS = 1000
WARN_IMBALANCE = 10.0
WARN_BAD_FRACTION = 0.5


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    layout: the recognised layout. images: usable photos. bad: [{"path", "problem"}], the first of
    `bad_count`. ignored: {reason: files}. missing: photos listed in a table but absent.
    row_errors: why table rows can't be used, the first of `row_error_count`. duplicates: [[path,
    path], ...] with equal bytes, the first of `duplicate_count`; clashes have two labels, leaks
    two official splits. imbalance: size of the largest class divided by the smallest. unlabelled:
    photos without a label. left_out: classes too small to split, kept as 'unused' rows. warnings:
    sentences for the person.
    """

    layout: str = ""
    images: int = 0
    classes: int = 0
    bad_count: int = 0
    bad: list[dict[str, str]] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    row_error_count: int = 0
    row_errors: list[str] = field(default_factory=list)
    duplicate_count: int = 0
    duplicates: list[list[str]] = field(default_factory=list)
    clash_count: int = 0
    clashes: list[list[str]] = field(default_factory=list)
    leak_count: int = 0
    leaks: list[list[str]] = field(default_factory=list)
    imbalance: float = 1.0
    left_out: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unlabelled: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> ImportReport:
        """Return the report stored in a version; missing keys get their defaults, unknown keys are
        ignored."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def make_report(
    frame: pd.DataFrame, layout: Layout, seconds: float, notes: Sequence[str] = ()
) -> ImportReport:
    """Return the report on a split manifest that was made from `layout` in `seconds`; `notes` come
    first among its warnings."""
    bad = frame[frame["problem"] != ""]
    usable = frame[frame["problem"] == ""]
    used = usable[usable["split"] != "unused"]
    sizes = used["label"].value_counts()
    left_out = sorted({*frame["label"].unique(), *layout.empty} - {"", *sizes.index})
    pairs = _duplicate_pairs(usable)
    clash = pairs[pairs["label"] != pairs["label_first"]]
    leak = pairs[(pairs["official"] != pairs["official_first"])]
    report = ImportReport(
        layout=layout.kind,
        images=len(usable),
        classes=len(sizes),
        bad_count=len(bad),
        bad=[
            {"path": path, "problem": problem}
            for path, problem in bad[["path", "problem"]].head(MAX_ROWS).to_numpy()
        ],
        ignored={reason: int(count) for reason, count in sorted(layout.ignored.items()) if count},
        missing=layout.missing,
        row_error_count=layout.row_error_count,
        row_errors=layout.row_errors[:MAX_ROWS],
        duplicate_count=len(pairs),
        duplicates=_paths(pairs),
        clash_count=len(clash),
        clashes=_paths(clash),
        leak_count=len(leak),
        leaks=_paths(leak),
        imbalance=round(float(sizes.max() / sizes.min()), 2) if len(sizes) else 1.0,
        left_out=left_out,
        unlabelled=int((usable["label"] == "").sum()),
        seconds=round(seconds, 3),
        images_per_second=round(len(frame) / max(seconds, 1e-6), 1),
    )
    return ImportReport(
        **report.as_dict() | {"warnings": [*notes, *_warnings(report), *_ignored_examples(layout)]}
    )


def _ignored_examples(layout: Layout) -> list[str]:
    """Return a sentence for each kind of ignored file that a person may not expect."""
    return [
        f"Ignored: {reason} ({layout.ignored[reason]:,} files, such as {printable(path)})."
        for reason, path in layout.ignored.examples.items()
        if reason in entries.NOTED
    ]


def _duplicate_pairs(usable: pd.DataFrame) -> pd.DataFrame:
    """Return one row per photo whose bytes occur earlier under another path, with the columns of
    that first photo beside its own."""
    several = usable[usable["image_id"].duplicated(keep=False)].sort_values(["image_id", "path"])[
        ["image_id", "path", "label", "official"]
    ]
    first = several.drop_duplicates("image_id")
    pairs = several.merge(first, on="image_id", suffixes=("", "_first"))
    return pairs[pairs["path"] != pairs["path_first"]].sort_values("path_first")


def _paths(pairs: pd.DataFrame) -> list[list[str]]:
    return pairs[["path_first", "path"]].head(MAX_ROWS).to_numpy().tolist()


def _warnings(report: ImportReport) -> list[str]:
    files = report.images + report.bad_count
    links = report.ignored.get(listing.OUTWARD, 0)
    small = listed(report.left_out)
    times = f"{report.imbalance:.0f} times"
    warnings = {
        (
            f"{report.bad_count:,} of {files:,} photos can't be used, more than half. Check that "
            "this is the right folder."
        ): (report.bad_count > WARN_BAD_FRACTION * files),
        f"The largest class has {times} as many photos as the smallest.": (
            report.imbalance >= WARN_IMBALANCE
        ),
        (
            f"Photos with identical bytes in two classes: {report.clash_count:,}. One of the two "
            "labels is wrong."
        ): report.clash_count,
        (
            f"Photos in two parts of the official split: {report.leak_count:,}. They inflate its "
            "accuracy."
        ): report.leak_count,
        (
            f"Table rows that can't be used: {report.row_error_count:,}. The report lists them."
        ): report.row_error_count,
        (
            f"Ignored links that point outside the folders that Fieldmark may read: {links:,}. "
            "Import the folder they point to."
        ): links,
        f"Excluded because too few photos can be used: {small}.": report.left_out,
    }
    return [text for text, holds in warnings.items() if holds]
