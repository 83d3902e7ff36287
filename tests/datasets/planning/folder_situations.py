"""Situations of folders."""

from __future__ import annotations

from tests.datasets.planning.situation import Situation, classes, numbered, photos, table

AB = {"crow": 3, "owl": 2}


def _split(*parts: str, below: str = "") -> dict[str, str | bytes]:
    made: dict[str, str | bytes] = {}
    for part in parts:
        made |= classes(f"{below}{part}", crow=2, owl=1)
    return made


SITUATIONS = (
    Situation("class folders", classes(crow=3, owl=2), AB, layout="Class folders", splits={}),
    Situation("class folders one level down", classes("birds", crow=3, owl=2), AB),
    Situation("class folders four levels down", classes("a/b/c/d", crow=3, owl=2), AB),
    Situation("class folders in images", classes("images", crow=3, owl=2), AB),
    Situation(
        "class folders in Images beside a readme",
        {**classes("Images", crow=3, owl=2), "README.md": "words"},
        AB,
        left={"not an image file": 1},
    ),
    Situation("class folders in data/images", classes("data/images", crow=3, owl=2), AB),
    Situation(
        "a photo deeper in a class", {**classes(crow=3, owl=1), **photos("owl/2020/x.jpg")}, AB
    ),
    Situation("an empty class", {**classes(crow=3, owl=2), "jay/.keep": ""}, {**AB, "jay": 0}),
    Situation("a class called train", classes(train=2, car=3), {"car": 3, "train": 2}, splits={}),
    Situation("numbers as classes", classes(**{"0": 2, "1": 3}), {"0": 2, "1": 3}),
    Situation(
        "numbers as classes with their names",
        {**classes(**{"0": 2, "1": 3}), "classes.txt": "crow\nowl\n"},
        {"crow": 2, "owl": 3},
    ),
    Situation(
        "train and test",
        _split("train", "test"),
        {"crow": 4, "owl": 2},
        splits={"train": 3, "test": 3},
        layout="Split folders",
        asks={"split": "yes"},
    ),
    Situation(
        "train, val and test",
        _split("train", "val", "test"),
        {"crow": 6, "owl": 3},
        splits={"train": 3, "validation": 3, "test": 3},
    ),
    Situation(
        "Training, Validation and Testing",
        _split("Training", "Validation", "Testing"),
        {"crow": 6, "owl": 3},
        splits={"train": 3, "validation": 3, "test": 3},
    ),
    Situation("train and valid", _split("train", "valid"), splits={"train": 3, "validation": 3}),
    Situation("train and dev", _split("train", "dev"), splits={"train": 3, "validation": 3}),
    Situation("TRAIN and TEST", _split("TRAIN", "TEST"), splits={"train": 3, "test": 3}),
    Situation(
        "German parts",
        _split("Trainingsdaten", "Validierung", "Testdaten"),
        {"crow": 6, "owl": 3},
        splits={"train": 3, "validation": 3, "test": 3},
        asks={"split": "yes"},
    ),
    Situation(
        "French parts",
        _split("apprentissage", "validation", "test"),
        splits={"train": 3, "validation": 3, "test": 3},
        asks={"split": "yes"},
    ),
    Situation(
        "data/train and data/test",
        _split("train", "test", below="data/"),
        {"crow": 4, "owl": 2},
        splits={"train": 3, "test": 3},
    ),
    Situation(
        "images/train and images/val",
        _split("train", "val", below="images/"),
        splits={"train": 3, "validation": 3},
    ),
    Situation(
        "class, then train and test",
        {
            **photos("crow/train/1.jpg", "crow/train/2.jpg", "crow/test/3.jpg"),
            **photos("owl/train/1.jpg", "owl/test/2.jpg"),
        },
        {"crow": 3, "owl": 2},
        splits={"train": 3, "test": 2},
    ),
    Situation(
        "train_images and test_images of classes",
        _split("train_images", "test_images"),
        {"crow": 4, "owl": 2},
        splits={"train": 3, "test": 3},
    ),
    Situation(
        "test photos without classes",
        {**classes("train", crow=3, owl=2), **numbered("test", 4)},
        AB,
        unlabelled=0,
        left={"photo outside the class folders": 4},
        asks={"loose": "leave out"},
    ),
    Situation(
        "a folder beside the split",
        {**_split("train", "test"), **classes("extra", jay=2)},
        {"crow": 4, "owl": 2},
        asks={"folder:extra": "leave out"},
        left={"photo in an ignored folder": 2},
    ),
    Situation(
        "unlabeled beside the classes",
        {**classes(crow=3, owl=2), **numbered("unlabeled", 4)},
        AB,
        unlabelled=4,
        asks={"folder:unlabeled": "unlabelled"},
    ),
    Situation(
        "unsup in train",
        {**_split("train", "test"), **numbered("train/unsup", 5)},
        {"crow": 4, "owl": 2},
        unlabelled=5,
    ),
    Situation(
        "loose photos beside the classes",
        {**classes(crow=3, owl=2), **photos("x.jpg")},
        AB,
        left={"photo outside the class folders": 1},
        asks={"loose": "leave out"},
    ),
    Situation(
        "a pile",
        photos("1.jpg", "2.jpg", "3.jpg"),
        {},
        unlabelled=3,
        layout="Photos without labels",
    ),
    Situation("a pile in images", numbered("images", 3), {}, unlabelled=3),
    Situation("a pile in train_images", numbered("train_images", 3), {}, unlabelled=3),
    Situation(
        "images and photos", {**numbered("images", 3), **numbered("photos", 2)}, {}, unlabelled=5
    ),
    Situation(
        "train_images and test_images of photos",
        {**numbered("train_images", 3), **numbered("test_images", 2)},
        {},
        unlabelled=5,
    ),
    Situation(
        "order, family and species",
        {
            **classes("passerines/corvids", crow=2, jay=2),
            **classes("passerines/finches", siskin=2),
            **classes("owls/true_owls", tawny=2),
        },
        {"crow": 2, "jay": 2, "siskin": 2, "tawny": 2},
        kept=("level_1", "level_2"),
        asks={"level": "-1"},
    ),
    Situation(
        "species, then days",
        {
            **photos("crow/2024-05-01/1.jpg", "crow/2024-05-02/1.jpg", "owl/2024-05-01/1.jpg"),
            **photos("owl/2024-05-03/1.jpg"),
        },
        {"crow": 2, "owl": 2},
        kept=("level_2",),
        groups=4,
    ),
    Situation(
        "species, then female and male",
        {**classes("crow", female=2, male=2), **classes("owl", female=1, male=1)},
        {"crow": 4, "owl": 2},
        asks={"level": "0"},
        kept=("level_2",),
    ),
    Situation(
        "sites, then species",
        {**classes("site1", crow=2, owl=2), **classes("site2", crow=1, owl=1)},
        {"crow": 3, "owl": 3},
        asks={"level": "-1"},
        kept=("level_1",),
    ),
    Situation(
        "years, then species",
        {**classes("2019", crow=2, owl=2), **classes("2020", crow=1, owl=1)},
        {"crow": 3, "owl": 3},
    ),
    Situation(
        "site, camera and day",
        {
            **photos("site1/cam1/2024-05-01/1.jpg", "site1/cam2/2024-05-01/1.jpg"),
            **photos("site2/cam1/2024-05-02/1.jpg"),
        },
        {},
        unlabelled=3,
        groups=3,
        kept=("level_1", "level_2", "level_3"),
        asks={"level": "none"},
    ),
    Situation(
        "cards of a camera",
        photos("A01/DCIM/100RECNX/1.jpg", "A02/DCIM/100RECNX/1.jpg"),
        {},
        unlabelled=2,
        asks={"level": "none"},
    ),
    Situation(
        "annotations beside the images",
        {**classes("images", crow=3, owl=2), "annotations/crow_0.json": "[1]"},
        AB,
    ),
    Situation(
        "masks of photos in another folder",
        {**numbered("images", 3), **numbered("masks", 3, ".png")},
        {},
        unlabelled=6,
    ),
    Situation(
        "what systems leave",
        {
            **classes(crow=3, owl=2),
            "crow/Thumbs.db": "x",
            "crow/.DS_Store": "x",
            "owl/._owl_0.jpg": "x",
            "__MACOSX/crow/crow_0.jpg": "x",
        },
        AB,
        left={"hidden or system file": 4},
    ),
    Situation(
        "a notebook's copies",
        {**classes(crow=3, owl=2), "crow/.ipynb_checkpoints/crow_0-checkpoint.jpg": "x"},
        AB,
    ),
    Situation(
        "Synology's thumbnails",
        {**classes(crow=3, owl=2), "crow/@eaDir/crow_0.jpg/SYNOFILE_THUMB_M.jpg": "x"},
        AB,
    ),
    Situation(
        "a QNAP's recycle bin",
        {**classes(crow=3, owl=2), "@Recycle/crow/old.jpg": "x", "#recycle/x.jpg": "x"},
        AB,
    ),
    Situation("lost+found", {**classes(crow=3, owl=2), "lost+found/x.jpg": "x"}, AB),
    Situation(
        "two datasets side by side",
        {**classes("cats", tabby=2, manx=2), **classes("birds", crow=2, owl=2)},
        {"crow": 2, "manx": 2, "owl": 2, "tabby": 2},
        asks={"level": "-1"},
    ),
    Situation("one class alone", classes(crow=3), {"crow": 3}),
    Situation(
        "names in other scripts",
        classes(スズメ=2, Eichelhäher=3),
        {"スズメ": 2, "Eichelhäher": 3},
    ),
    Situation(
        "a folder called like a photo",
        {**classes(crow=3, owl=2), "crow/a.jpg/b.jpg": ""},
        {"crow": 4, "owl": 2},
    ),
    Situation("names that differ in capitals", classes(Crow=2, crow=2), refused="differ only"),
    Situation("nothing at all", {"notes.txt": "x"}, {}, left={"not an image file": 1}),
    Situation(
        "YOLO's classification folders",
        {**_split("train", "val"), "data.yaml": "nc: 2\nnames: [crow, owl]\n"},
        {"crow": 4, "owl": 2},
        splits={"train": 3, "validation": 3},
    ),
    Situation(
        "YOLO's folders of numbers",
        {
            **classes("train", **{"0": 2, "1": 2}),
            **classes("val", **{"0": 1, "1": 1}),
            "data.yaml": "names:\n  0: crow\n  1: owl\n",
        },
        {"crow": 3, "owl": 3},
    ),
    Situation(
        "Roboflow's folders",
        {**_split("train", "valid", "test"), "README.roboflow.txt": "x", "README.dataset.txt": "x"},
        splits={"train": 3, "validation": 3, "test": 3},
    ),
    Situation(
        "Stanford Dogs",
        {
            **classes("Images", **{"n02085620-Chihuahua": 2, "n02085782-Japanese_spaniel": 2}),
            "Annotation/n02085620-Chihuahua/n02085620_7": "<annotation></annotation>",
        },
        {"n02085620-Chihuahua": 2, "n02085782-Japanese_spaniel": 2},
    ),
    Situation("train alone", numbered("train", 3), {}, unlabelled=3),
    Situation("test alone", numbered("test", 3), {}, unlabelled=3),
    Situation(
        "numbered sites of photos",
        {**numbered("site1", 3), **numbered("site2", 2)},
        {},
        unlabelled=5,
        groups=2,
        kept=("level_1",),
        asks={"level": "none"},
    ),
    Situation("aircraft", classes(A320=2, B737=2), {"A320": 2, "B737": 2}),
    Situation(
        "a data.yaml with a day that no month has",
        {**classes(**{"0": 2, "1": 2}), "data.yaml": "date: 2020-13-45\nnames: [crow, owl]\n"},
        {"0": 2, "1": 2},
    ),
    Situation(
        "parts that were unpacked into folders of their names",
        {
            **_split("seg_train/seg_train", "seg_test/seg_test", below="scenes/"),
            **numbered("scenes/seg_pred/seg_pred", 3),
        },
        {"crow": 4, "owl": 2},
        splits={"train": 3, "test": 3},
        asks={"folder:scenes/seg_pred": "leave out"},
    ),
    Situation(
        "parts with two more words",
        _split("asl_alphabet_train", "asl_alphabet_test"),
        {"crow": 4, "owl": 2},
        splits={"train": 3, "test": 3},
    ),
    Situation(
        "Spanish parts",
        _split("Entrenamiento", "Prueba"),
        {"crow": 4, "owl": 2},
        splits={"train": 3, "test": 3},
    ),
    Situation(
        "classes in folders of their names",
        photos("crow/crow/1.jpg", "crow/crow/2.jpg", "owl/owl/1.jpg"),
        {"crow": 2, "owl": 1},
    ),
    Situation(
        "lists of a split beside classes",
        {
            **classes("images", crow=4, owl=4),
            "meta/train.txt": table("crow/crow_0", "crow/crow_1", "owl/owl_0", "owl/owl_1"),
            "meta/test.txt": table("crow/crow_2", "crow/crow_3", "owl/owl_2", "owl/owl_3"),
        },
        {"crow": 4, "owl": 4},
        splits={"train": 4, "test": 4},
    ),
)
