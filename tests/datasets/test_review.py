"""The review queue: photos set aside, decided about in several sessions, and turned into a new dataset version."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from core import settings
from core.datasets import manifest, store
from core.datasets.editing import edits, history, review
from core.datasets.editing.review import Entry
from core.datasets.importing import run as importing
from core.datasets.store import Version
from core.errors import BadImage, NotFound, UserError
from core.io import images
from tests import shapes

ANSWER = [{"label": "circle", "probability": 0.6}, {"label": "square", "probability": 0.3}]

ADD = """
import sys
from core.datasets.editing import review
for number in range(int(sys.argv[2])):
    review.add(open(f"{sys.argv[1]}/{number}.png", "rb").read(), shown=f"{number}.png", reason="another session")
"""


def photo(number: int) -> bytes:
    """A photo that is in no dataset."""
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), (number % 256, number // 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """Three classes of shapes in the person's own folder."""
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return importing.run_import(
        importing.ImportSource("folder", shapes.draw(tmp_path / "shapes")), "Shapes"
    )


def in_dataset(
    version: Version, split: str = "train", label: str = "circle", row: int = 0
) -> Entry:
    """One of the dataset's own photos, set aside."""
    frame = store.manifest_of(version)
    chosen = frame[(frame["split"] == split) & (frame["label"] == label)].iloc[row]
    path = store.image_path(store.dataset(version.dataset_id), chosen["path"])
    return review.add(path, shown=chosen["path"], answer=ANSWER, label=label, reason="unsure")


def row_of(version: Version, entry: Entry) -> dict[str, object]:
    frame = store.manifest_of(version)
    return dict(frame[frame["image_id"] == entry.id].iloc[0])


def test_a_photo_is_stored_with_its_prediction() -> None:
    entry = review.add(
        photo(1),
        shown="../../a\n.png",
        answer=ANSWER,
        model_id="m",
        origin="fm-transform-x",
        reason="unsure",
    )
    (found,) = review.entries()
    assert found == entry
    assert found.photo.read_bytes() == photo(1)
    assert (found.proposed, found.prediction, found.probability, found.decided) == (
        "circle",
        "circle",
        0.6,
        False,
    )
    assert "\n" not in found.shown
    assert review.count() == 1


def test_a_known_label_is_proposed_before_the_models() -> None:
    assert review.add(photo(1), shown="a", answer=ANSWER, label="square").proposed == "square"
    assert review.add(photo(2), shown="b").proposed == ""


def test_the_same_photo_twice_is_one_entry_with_the_newer_prediction_and_the_decision() -> None:
    review.add(photo(1), shown="a", answer=ANSWER)
    again = review.add(photo(1), shown="a", answer=[{"label": "triangle", "probability": 0.9}])
    assert (review.count(), again.proposed) == (1, "triangle")
    review.propose([again.id], "square")
    assert review.add(photo(1), shown="a", answer=ANSWER).proposed == "square"
    assert review.entries()[0].decided


def test_a_file_that_is_not_a_photo_is_refused() -> None:
    with pytest.raises(BadImage):
        review.add(b"<html>", shown="a.jpg")
    with pytest.raises(NotFound):
        review.add(Path("/nowhere/a.jpg"), shown="a.jpg")
    assert review.count() == 0


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "MAX_ENTRIES", 2)
    for number in range(2):
        review.add(photo(number), shown="a")
    with pytest.raises(UserError, match="queue is full"):
        review.add(photo(3), shown="a")
    review.add(photo(1), shown="a", answer=ANSWER)


def test_a_damaged_entry_does_not_hide_the_others(home: Path) -> None:
    first, second = (review.add(photo(number), shown=str(number)) for number in range(2))
    (home / "review" / first.id / review.ENTRY).write_text("{ half")
    (home / "review" / ".new-abc").mkdir()
    assert [entry.id for entry in review.entries()] == [second.id]
    review.dismiss([first.id, first.id])
    assert review.count() == 1


def test_relabelling_makes_a_new_version_and_leaves_the_old_one(version: Version) -> None:
    entry = in_dataset(version)
    outcome = review.decide({entry.id: "square"}, version)
    assert (outcome.relabelled, outcome.confirmed, outcome.added, outcome.left_out) == (1, 0, 0, 0)
    assert outcome.version.id == "v2"
    assert outcome.version.parent == "v1"
    assert "1 relabelled" in outcome.version.note
    assert row_of(outcome.version, entry)["label"] == "square"
    assert row_of(version, entry)["label"] == "circle"
    assert review.count() == 0
    manifest.validate(store.manifest_of(outcome.version))


def test_every_copy_of_a_photo_gets_the_label(version: Version, tmp_path: Path) -> None:
    entry = in_dataset(version)
    frame = store.manifest_of(version)
    copy = frame[frame["image_id"] == entry.id].assign(path="circle/copy.png")
    doubled = store.add_version(
        version, manifest.pd.concat([frame, copy], ignore_index=True), "With a copy", version.split
    )
    outcome = review.decide({entry.id: "square"}, doubled)
    assert outcome.relabelled == 1
    after = store.manifest_of(outcome.version)
    assert set(after.loc[after["image_id"] == entry.id, "label"]) == {"square"}


def test_a_photo_can_be_left_out(version: Version) -> None:
    entry = in_dataset(version, "test")
    outcome = review.decide({entry.id: review.LEAVE_OUT}, version, note="Not a shape at all")
    assert outcome.left_out == 1
    assert outcome.version.note == "Not a shape at all"
    assert row_of(outcome.version, entry)["split"] == "unused"


@pytest.mark.parametrize("kind", ["stratified", "grouped"])
def test_a_photo_left_out_in_review_stays_out_of_a_later_split(version: Version, kind: str) -> None:
    entry = in_dataset(version, "test")
    left = review.decide({entry.id: review.LEAVE_OUT}, version).version
    how = {"kind": kind, "ratios": settings.DEFAULT_RATIOS, "seed": 3}
    again = history.resplit(left, how, left.classes, "", {} if kind == "grouped" else None)
    row = row_of(again, entry)
    assert (row["split"], row["problem"]) == ("unused", "left out: decided in the review")
    assert history.diff(version, left).summary() == "1 left out"


def test_an_unused_photo_left_out_in_review_is_marked_too(version: Version) -> None:
    entry = in_dataset(version)
    unused = edits.make(version, [edits.move([str(row_of(version, entry)["path"])], "unused")])
    outcome = review.decide({entry.id: review.LEAVE_OUT}, unused)
    assert outcome.left_out == 1
    review.add(
        store.image_path(store.dataset(version.dataset_id), str(row_of(version, entry)["path"])),
        shown="again",
    )
    with pytest.raises(UserError, match="These edits change nothing"):
        review.decide({entry.id: review.LEAVE_OUT}, outcome.version)


def test_a_decision_that_changes_nothing_is_refused_and_one_that_confirms_others_is_not(
    version: Version,
) -> None:
    right, wrong = in_dataset(version, row=0), in_dataset(version, row=1)
    with pytest.raises(UserError, match="These edits change nothing"):
        review.decide({right.id: "circle"}, version)
    with pytest.raises(UserError, match="Choose"):
        review.decide({}, version)
    outcome = review.decide({right.id: "circle", wrong.id: "square"}, version)
    assert (outcome.relabelled, outcome.confirmed) == (1, 1)
    assert review.count() == 0


def test_new_photos_need_permission_to_go_into_a_persons_own_folder(
    version: Version, tmp_path: Path
) -> None:
    entry = review.add(photo(9), shown="field.png", answer=ANSWER)
    folder, own = review.folder_for_new(store.dataset(version.dataset_id))
    assert own
    assert review.new_photos([entry.id], version) == [entry.id]
    with pytest.raises(UserError, match="your own folder") as refusal:
        review.decide({entry.id: "circle"}, version)
    assert refusal.value.field == "own_folder"
    assert not folder.exists()
    assert review.count() == 1
    outcome = review.decide({entry.id: "circle"}, version, into_own_folder=True)
    row = row_of(outcome.version, entry)
    assert (row["label"], row["split"], row["width"], row["height"]) == ("circle", "train", 20, 10)
    place = store.image_path(store.dataset(version.dataset_id), str(row["path"]))
    assert place.is_relative_to(folder)
    assert place.read_bytes() == photo(9)
    assert images.thumbnail(entry.id, place).exists()


def test_new_photos_join_a_dataset_that_fieldmark_keeps(home: Path, tmp_path: Path) -> None:
    frame = manifest.frame_of(
        {
            "path": [f"{n}.png" for n in range(4)],
            "label": ["cat", "cat", "dog", "dog"],
            "image_id": [f"{n:064x}" for n in range(4)],
            "split": ["train", "test", "train", "test"],
            "width": [9] * 4,
            "height": [9] * 4,
        }
    )
    with store.stage("Kept") as staged:
        staged.images.mkdir()
        version = store.add_dataset(
            "Kept", staged.images, "test", frame, {}, split={}, staged=staged
        )
    entry = review.add(photo(3), shown="x.png")
    outcome = review.decide({entry.id: "newt"}, version)
    assert outcome.added == 1
    assert outcome.version.classes == ("cat", "dog", "newt")
    assert store.dataset(version.dataset_id).root.is_relative_to(settings.datasets_dir())


@pytest.mark.parametrize("label", ["Circle", "circle ", "a\nb", "..", "x" * 200])
def test_fault_09_labels_that_clash_or_can_not_be_used_are_refused(
    version: Version, label: str
) -> None:
    entry = in_dataset(version)
    if label.strip() == "circle":
        assert (
            review.decide(
                {entry.id: "square", in_dataset(version, row=1).id: label}, version
            ).confirmed
            == 1
        )
        return
    with pytest.raises(UserError):
        review.decide({entry.id: label}, version)
    assert review.count() == 1
    assert len(store.versions(version.dataset_id)) == 1


def test_fault_19_a_class_that_would_lose_its_last_training_photo_is_named(
    version: Version,
) -> None:
    frame = store.manifest_of(version)
    ids = frame.loc[(frame["label"] == "circle") & (frame["split"] == "train"), "image_id"]
    decisions = {}
    for number in range(len(ids)):
        decisions[in_dataset(version, row=number).id] = "square"
    with pytest.raises(UserError, match="circle"):
        review.decide(decisions, version)
    assert review.count() == len(ids)


def test_a_photo_decided_in_another_window_stops_the_decision(version: Version) -> None:
    entry = in_dataset(version)
    review.dismiss([entry.id])
    with pytest.raises(NotFound, match="another window"):
        review.decide({entry.id: "square"}, version)
    with pytest.raises(NotFound):
        review.propose([entry.id], "square")
    with pytest.raises(NotFound):
        review.read("../../etc")


def test_two_sessions_that_decide_the_same_make_one_version(version: Version) -> None:
    entry = in_dataset(version)

    def decide(_: int) -> str:
        try:
            return review.decide({entry.id: "square"}, version).version.id
        except NotFound:
            return "too late"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(decide, range(8)))
    assert outcomes == ["too late"] * 7 + ["v2"]
    assert len(store.versions(version.dataset_id)) == 2


def test_several_processes_add_at_once_and_none_is_lost(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(photo(number))
    processes = [
        subprocess.Popen([sys.executable, "-c", ADD, str(tmp_path), "12"], cwd=settings.PROJECT)
        for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(review.entries()) == review.count() == 12
