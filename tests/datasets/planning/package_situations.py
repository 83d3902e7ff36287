"""Situations of published datasets and exports of labelling tools."""

from __future__ import annotations

import json

from tests.datasets.planning.situation import Situation, classes, numbered, photos, table

SIX = numbered("images", 6)
LABELS = ("crow", "crow", "crow", "owl", "owl", "owl")
HALF = {"crow": 3, "owl": 3}
CATEGORIES = [{"id": 1, "name": "crow"}, {"id": 2, "name": "owl"}]


def coco(boxes: bool = False, several: bool = False) -> str:
    annotations = [
        {
            "id": n,
            "image_id": n,
            "category_id": 1 + (n > 2),
            **({"bbox": [1, 2, 30, 40]} if boxes else {}),
        }
        for n in range(6)
    ]
    if several:
        annotations.append({"id": 9, "image_id": 0, "category_id": 2})
    return json.dumps(
        {
            "images": [
                {"id": n, "file_name": f"{n}.jpg", "width": 90, "height": 60} for n in range(6)
            ],
            "annotations": annotations,
            "categories": CATEGORIES,
        }
    )


def cub(mark: str = " ") -> dict[str, str | bytes]:
    names = [
        f"{k:03d}.{name}/{name}_{n}.jpg" for k, name in ((1, "Crow"), (2, "Owl")) for n in range(3)
    ]
    tables = {
        "images": [f"{n}{mark}{name}" for n, name in enumerate(names, 1)],
        "image_class_labels": [f"{n}{mark}{1 + (n > 3)}" for n in range(1, 7)],
        "train_test_split": [f"{n}{mark}{n % 2}" for n in range(1, 7)],
        "classes": [f"1{mark}001.Crow", f"2{mark}002.Owl"],
        "bounding_boxes": [f"{n}{mark}1.0 2.0 30.0 40.0".replace(" ", mark) for n in range(1, 7)],
    }
    files = {f"{name}.txt": table(*lines) for name, lines in tables.items()}
    return {**photos(*(f"images/{name}" for name in names)), **files}


def voc(name: str, label: str, boxes: int = 1) -> str:
    one = f"<object><name>{label}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>"
    return f"<annotation><folder>x</folder><filename>{name}</filename>{one * boxes}</annotation>"


def truth(n: int, job: str = "species") -> str:
    return json.dumps(
        {
            "source-ref": f"s3://bucket/in/{n}.jpg",
            job: int(n > 2),
            f"{job}-metadata": {
                "class-name": LABELS[n],
                "confidence": 0.9,
                "type": "groundtruth/image-classification",
                "human-annotated": "yes",
                "creation-date": "2026-05-01",
                "job-name": "x",
            },
        }
    )


PACKAGE = json.dumps(
    {
        "profile": "camtrap-dp",
        "resources": [
            {"name": name, "path": f"{name}.csv"}
            for name in ("deployments", "media", "observations")
        ],
    }
)
DEPLOYMENTS = table(
    "deploymentID,locationName,latitude,longitude", "d1,pond,1.5,2.5", "d2,hill,3.5,4.5"
)
MEDIA = table(
    "mediaID,deploymentID,timestamp,filePath",
    *(f"m{n},d{1 + n % 2},2026-05-01T0{n}:00:00Z,media/d{1 + n % 2}/{n}.jpg" for n in range(4)),
)
TRAPPED = photos(*(f"media/d{1 + n % 2}/{n}.jpg" for n in range(4)))
SEEN = ("fox", "", "deer", "fox")
OBSERVED = table(
    "observationID,deploymentID,mediaID,observationLevel,observationType,scientificName",
    *(
        f"o{n},d{1 + n % 2},m{n},media,{'animal' if SEEN[n] else 'blank'},{SEEN[n]}"
        for n in range(4)
    ),
)
EVENTS = table(
    "observationID,deploymentID,mediaID,eventStart,eventEnd,observationLevel,observationType,scientificName",
    "o1,d1,,2026-05-01T00:00:00Z,2026-05-01T00:30:00Z,event,animal,fox",
    "o2,d2,,2026-05-01T00:30:00Z,2026-05-01T03:30:00Z,event,animal,deer",
)
PETS = ("Abyssinian", "Beagle")
STUDIO = [
    {
        "id": n,
        "data": {"image": f"/data/upload/1/ab12cd34-{n}.jpg"},
        "annotations": [{"result": [{"type": "choices", "value": {"choices": [LABELS[n]]}}]}],
    }
    for n in range(6)
]


def detected(first: str = "site1", second: str = "site2") -> dict[str, object]:
    """Return detections: none in the first of six photos, one in each of the others."""
    images = [
        {
            "file": f"{first if n < 3 else second}/{n}.jpg",
            "max_detection_conf": 0.9,
            "detections": [
                {"category": str(1 + n % 2), "conf": 0.9, "bbox": [0.1, 0.1, 0.2, 0.2]},
                {"category": "3", "conf": 0.05, "bbox": [0.5, 0.5, 0.1, 0.1]},
            ][: 2 * bool(n)],
        }
        for n in range(6)
    ]
    names = {"1": "person", "2": "animal", "3": "vehicle"}
    return {"images": images, "detection_categories": names, "info": {"format_version": "1.3"}}


SITUATIONS = (
    Situation("COCO with boxes", {**SIX, "annotations.json": coco(boxes=True)}, HALF, boxes=6, layout="COCO"),
    Situation("COCO's annotations folder", {**SIX, "annotations/instances.json": coco(boxes=True)}, HALF, boxes=6),
    Situation("COCO of whole photos", {**SIX, "labels.json": coco()}, HALF, boxes=0),
    Situation("COCO with several categories", {**SIX, "labels.json": coco(several=True)},
        {"crow": 2, "owl": 3, "crow, owl": 1}, asks={"several": "keep as one"}),
    Situation("COCO for train and val", {**numbered("train2017", 3), **numbered("val2017", 3, start=3),
        "annotations/instances_train2017.json": json.dumps({"images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(3)],
            "annotations": [{"id": n, "image_id": n, "category_id": 1} for n in range(3)], "categories": CATEGORIES}),
        "annotations/instances_val2017.json": json.dumps({"images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(3, 6)],
            "annotations": [{"id": n, "image_id": n, "category_id": 2} for n in range(3, 6)], "categories": CATEGORIES})},
        HALF, splits={"train": 3, "validation": 3}),
    Situation("iNaturalist's competition", {**photos("train_val2019/Birds/4/a.jpg", "train_val2019/Birds/5/b.jpg"),
        "train2019.json": json.dumps({"images": [{"id": 1, "file_name": "train_val2019/Birds/4/a.jpg"},
            {"id": 2, "file_name": "train_val2019/Birds/5/b.jpg"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 4}, {"id": 2, "image_id": 2, "category_id": 5}],
            "categories": [{"id": 4, "name": "crow", "supercategory": "Birds"}, {"id": 5, "name": "owl", "supercategory": "Birds"}]})},
        {"crow": 1, "owl": 1}, kept=("supercategory",)),
    Situation("iNaturalist's export", {**photos("photos/111.jpg", "photos/222.jpg"), "observations.csv": table(
        "id,observed_on,image_url,scientific_name,common_name,latitude,longitude",
        "111,2026-05-01,https://x.org/photos/9/medium.jpg,Corvus,crow,1.5,2.5",
        "222,2026-05-02,https://x.org/photos/8/medium.jpg,Strix,owl,1.6,2.6")}, {"crow": 1, "owl": 1},
        asks={"label": "common_name"}),
    Situation("CUB", cub(), {"Crow": 3, "Owl": 3}, splits={"train": 3, "test": 3}, boxes=6, layout="CUB-200-2011"),
    Situation("CUB with tabs", cub("\t"), {"Crow": 3, "Owl": 3}, splits={"train": 3, "test": 3}, boxes=6),
    Situation("NABirds", {**photos("images/0010/aa.jpg", "images/0011/bb.jpg"),
        "images.txt": table("a-a 0010/aa.jpg", "b-b 0011/bb.jpg"), "image_class_labels.txt": table("a-a 10", "b-b 11"),
        "classes.txt": table("0 Birds", "2 Northern Cardinal", "10 Northern Cardinal", "11 American Crow"),
        "hierarchy.txt": table("2 0", "10 2"), "train_test_split.txt": table("a-a 1", "b-b 0")},
        {"American Crow": 1, "Northern Cardinal": 1}, splits={"train": 1, "test": 1}),
    Situation("CUB whose tables are damaged", {**cub(), "image_class_labels.txt": table("1 1")}, refused="has no line in"),
    Situation("Oxford Pets", {**photos(*(f"images/{name}_{n}.jpg" for name in PETS for n in range(2))),
        "annotations/list.txt": table("#Image CLASS-ID SPECIES BREED ID",
            *(f"{name}_{n} {k} {k} 1" for k, name in enumerate(PETS, 1) for n in range(2))),
        "annotations/trainval.txt": table(*(f"{name}_0 1 1 1" for name in PETS)),
        "annotations/test.txt": table(*(f"{name}_1 1 1 1" for name in PETS))},
        {"Abyssinian": 2, "Beagle": 2}, splits={"train": 2, "test": 2}, kept=("species",)),
    Situation("Birdsnap", {**photos("images/crow/1.jpg", "images/owl/2.jpg"),
        "images.txt": table("url\tmd5\tpath\tspecies_id\tbb_x1\tbb_y1\tbb_x2\tbb_y2",
            "u\tm\tcrow/1.jpg\t1\t1\t2\t30\t40", "u\tm\towl/2.jpg\t2\t1\t2\t30\t40"),
        "species.txt": table("id\tcommon\tscientific\tdir", "1\tcrow\tCorvus\tcrow", "2\towl\tStrix\towl"),
        "test_images.txt": table("path", "owl/2.jpg")}, {"crow": 1, "owl": 1}, splits={"train": 1, "test": 1}, boxes=2),
    Situation("Pascal VOC", {**numbered("JPEGImages", 4),
        **{f"Annotations/{n}.xml": voc(f"{n}.jpg", "crow" if n < 2 else "owl") for n in range(4)}},
        {"crow": 2, "owl": 2}, boxes=4, layout="Pascal VOC"),
    Situation("Pascal VOC with its lists", {**numbered("JPEGImages", 4),
        **{f"Annotations/{n}.xml": voc(f"{n}.jpg", "crow" if n < 2 else "owl") for n in range(4)},
        "ImageSets/Main/train.txt": table("0", "2"), "ImageSets/Main/test.txt": table("1", "3")},
        {"crow": 2, "owl": 2}, splits={"train": 2, "test": 2}),
    Situation("Pascal VOC with several objects", {**numbered("JPEGImages", 2),
        "Annotations/0.xml": voc("0.jpg", "crow", 2), "Annotations/1.xml": voc("1.jpg", "owl")},
        {"crow": 1, "owl": 1}, boxes=1),
    Situation("Ground Truth's output", {**SIX, "output.manifest": table(*map(truth, range(6)))}, HALF, layout="Augmented manifest"),
    Situation("Lookout's manifest", {**SIX, "train.manifest": table(*(truth(n, "anomaly-label") for n in range(6)))}, HALF),
    Situation("Azure Custom Vision", {**SIX, "images.json": json.dumps(
        [{"id": str(n), "width": 9, "tags": [{"tagId": "t", "tagName": LABELS[n]}]} for n in range(6)])}, HALF),
    Situation("FiftyOne", {**numbered("data", 6), "labels.json": json.dumps(
        {"classes": ["crow", "owl"], "labels": {str(n): int(n > 2) for n in range(6)}})}, HALF, layout="FiftyOne"),
    Situation("Label Studio", {**photos(*(f"images/ab12cd34-{n}.jpg" for n in range(6))), "project.json": json.dumps(STUDIO)}, HALF),
    Situation("Label Studio, photos under their own names", {**SIX, "project.json": json.dumps(STUDIO)}, HALF),
    Situation("Label Studio's short form", {**SIX, "project.json": json.dumps(
        [{"image": f"/data/upload/1/{n}.jpg", "choice": LABELS[n], "id": n} for n in range(6)])}, HALF),
    Situation("Datumaro", {**SIX, "annotations/default.json": json.dumps({"categories": {"label": {"labels":
        [{"name": "crow"}, {"name": "owl"}]}}, "items": [{"id": str(n), "annotations": [{"type": "label",
        "label_id": int(n > 2)}], "image": {"path": f"{n}.jpg"}} for n in range(6)]})}, HALF),
    Situation("a map from photo to label", {**SIX, "labels.json": json.dumps(
        {f"{n}.jpg": LABELS[n] for n in range(6)})}, HALF),
    Situation("a map from label to photos", {**SIX, "labels.json": json.dumps(
        {"crow": ["0.jpg", "1.jpg", "2.jpg"], "owl": ["3.jpg", "4.jpg", "5.jpg"]})}, HALF),
    Situation("records by photo", {**SIX, "labels.json": json.dumps(
        {f"{n}.jpg": {"label": LABELS[n], "site": "pond"} for n in range(6)})}, HALF, groups=1),
    Situation("a data frame's JSON", {**SIX, "labels.json": json.dumps({"file": {str(n): f"{n}.jpg" for n in range(6)},
        "label": {str(n): LABELS[n] for n in range(6)}})}, HALF),
    Situation("Camtrap DP", {**TRAPPED, "datapackage.json": PACKAGE, "deployments.csv": DEPLOYMENTS, "media.csv": MEDIA,
        "observations.csv": OBSERVED}, {"blank": 1, "deer": 1, "fox": 2}, groups=2, layout="Camtrap DP"),
    Situation("Camtrap DP of events", {**TRAPPED, "datapackage.json": PACKAGE, "deployments.csv": DEPLOYMENTS,
        "media.csv": MEDIA, "observations.csv": EVENTS}, {"deer": 2, "fox": 1}, unlabelled=1, groups=2),
    Situation("Roboflow's one-hot tables", {**numbered("train", 4), **numbered("valid", 2, start=4),
        "train/_classes.csv": table("filename, crow, owl", "0.jpg, 1, 0", "1.jpg, 1, 0", "2.jpg, 0, 1", "3.jpg, 0, 1"),
        "valid/_classes.csv": table("filename, crow, owl", "4.jpg, 1, 0", "5.jpg, 0, 1")}, HALF,
        splits={"train": 4, "validation": 2}),
    Situation("Roboflow's COCO", {**numbered("train", 6), "train/_annotations.coco.json": coco()}, HALF),
    Situation("Kaggle's dogs", {**photos("train/aa11.jpg", "train/bb22.jpg", "test/cc33.jpg"),
        "labels.csv": table("id,breed", "aa11,beagle", "bb22,pug"), "sample_submission.csv": table("id,beagle,pug", "cc33,0.5,0.5")},
        {"beagle": 1, "pug": 1}, unlabelled=1, note="sample submission"),
    Situation("a JSON that is about something else", {**classes(crow=3, owl=2), "config.json": '{"a": 1}'}, {"crow": 3, "owl": 2}),
    Situation("Camtrap DP of the first version", {**TRAPPED, "datapackage.json": PACKAGE.replace("media", "multimedia"),
        "deployments.csv": DEPLOYMENTS.replace("deploymentID", "deployment_id"),
        "multimedia.csv": MEDIA.replace("mediaID,deploymentID", "multimedia_id,deployment_id").replace("filePath", "file_path"),
        "observations.csv": OBSERVED.replace("mediaID", "multimedia_id").replace("deploymentID", "deployment_id")
        .replace("observationType,scientificName", "observation_type,scientific_name")},
        {"blank": 1, "deer": 1, "fox": 2}, groups=2, layout="Camtrap DP"),
    Situation("Camtrap DP of sequences, photos by their own names", {**numbered("photos", 4), "datapackage.json": PACKAGE,
        "deployments.csv": DEPLOYMENTS, "media.csv": table("mediaID,deploymentID,sequenceID,timestamp,filePath,fileName",
        *(f"m{n},d1,s{n // 2},x,https://agouti.eu/{n}a/file,{n}.jpg" for n in range(4))),
        "observations.csv": table("observationID,deploymentID,sequenceID,mediaID,observationType,scientificName",
        "o0,d1,s0,,animal,fox", "o1,d1,s1,,animal,deer")}, {"deer": 2, "fox": 2}, layout="Camtrap DP"),
    Situation("Camtrap DP's tables alone", {**TRAPPED, "deployments.csv": DEPLOYMENTS, "media.csv": MEDIA, "observations.csv": OBSERVED},
        {"blank": 1, "deer": 1, "fox": 2}, groups=2, left={"table, read for labels": 3}),
    Situation("Camtrap DP without paths", {**TRAPPED, "datapackage.json": PACKAGE, "deployments.csv": DEPLOYMENTS,
        "media.csv": table("mediaID,deploymentID", "m0,d1"), "observations.csv": OBSERVED},
        {"d1": 2, "d2": 2}, note="its media table has no filePath"),
    Situation("Camera Traps COCO", {**SIX, "camera.json": json.dumps({"images": [{"id": f"s1/{n}", "file_name": f"images/{n}.jpg",
        "location": f"B{n % 2}", "seq_id": f"q{n}", "frame_num": 1, "datetime": "2020-01-01 10:00:00", "corrupt": False}
        for n in range(6)], "annotations": [{"id": n, "image_id": f"s1/{n}", "category_id": 1 + (n > 2), "count": None}
        for n in range(6)], "categories": CATEGORIES})}, HALF, groups=2, kept=("seq_id", "frame_num", "datetime", "corrupt")),
    Situation("COCO with ids of two kinds and another name of the file", {**SIX, "labels.json": json.dumps({"images": [
        {"id": str(n), "filename": f"{n}.jpg"} for n in range(6)], "annotations": [{"image_id": n, "category_id": str(1 + (n > 2))}
        for n in range(6)], "categories": CATEGORIES})}, HALF),
    Situation("COCO's captions beside its categories", {**SIX, "annotations/instances.json": coco(), "annotations/captions.json": json.dumps(
        {"images": [{"id": 0, "file_name": "0.jpg"}], "annotations": [{"image_id": 0, "caption": "a bird"}]})}, HALF,
        note="captions.json is not used"),
    Situation("COCO of sequences without places", {**SIX, "camera.json": json.dumps({"images": [{"id": n, "file_name": f"{n}.jpg",
        "seq_id": f"q{n // 2}"} for n in range(6)], "annotations": [{"id": n, "image_id": n, "category_id": 1 + (n > 2)}
        for n in range(6)], "categories": CATEGORIES})}, HALF, groups=3),
    Situation("MegaDetector output", {**numbered("site1", 3), **numbered("site2", 3, start=3), "md.json": json.dumps(detected())},
        {"animal": 3, "empty": 1, "person": 2}, boxes=5),
    Situation("MegaDetector output beside classes", {**numbered("fox", 3), **numbered("owl", 3, start=3), "md.json": json.dumps(
        detected("fox", "owl"))}, {"fox": 3, "owl": 3}, boxes=5, kept=("max_detection_conf", "detected"), asks={"label:": ""}),
    Situation("Pascal VOC in its folders", {**numbered("VOCdevkit/VOC2012/JPEGImages", 4),
        **numbered("VOCdevkit/VOC2012/SegmentationClass", 4, ".png"),
        **{f"VOCdevkit/VOC2012/Annotations/{n}.xml": voc(f"{n}.jpg", "crow" if n < 2 else "owl") for n in range(4)},
        "VOCdevkit/VOC2012/ImageSets/Main/train.txt": table("0", "2"), "VOCdevkit/VOC2012/ImageSets/Main/val.txt": table("1", "3"),
        "VOCdevkit/VOC2012/ImageSets/Main/trainval.txt": table("0", "1", "2", "3"),
        **{f"VOCdevkit/VOC2012/ImageSets/Main/{c}{k}_train.txt": table("0  1", "2 -1") for c in ("crow", "owl") for k in range(10)}},
        {"crow": 2, "owl": 2}, splits={"train": 2, "validation": 2}, boxes=4),
    Situation("Roboflow's VOC in each part", {**numbered("train", 4), **numbered("valid", 2, start=4),
        **{f"{'train' if n < 4 else 'valid'}/{n}.xml": voc(f"{n}.jpg", "crow" if n % 2 else "owl") for n in range(6)}},
        HALF, splits={"train": 4, "validation": 2}, boxes=6, left={"table, read for labels": 6}),
    Situation("VOC beside photos called alike", {**photos("crow/1.jpg", "owl/1.jpg"),
        "crow/1.xml": voc("1.jpg", "crow"), "owl/1.xml": voc("1.jpg", "owl")}, {"crow": 1, "owl": 1}, boxes=2),
    Situation("VOC in an encoding that nobody has", {**numbered("images", 2), "a/0.xml": voc("0.jpg", "crow"),
        "a/1.xml": '<?xml version="1.0" encoding="bogus"?><annotation/>'}, {"crow": 1}, errors=1),
    Situation("Roboflow's photos that nobody labelled", {**numbered("train", 3), "train/_classes.csv":
        table("filename, crow, owl, Unlabeled", "0.jpg, 1, 0, 0", "1.jpg, 0, 1, 0", "2.jpg, 0, 0, 1")}, {"crow": 1, "owl": 1}, unlabelled=1),
    Situation("FiftyOne's samples", {**numbered("data", 6), "samples.json": json.dumps({"samples": [{"_id": {"$oid": str(n)},
        "filepath": f"data/{n}.jpg", "tags": ["train"], "ground_truth": {"_cls": "Classification", "label": LABELS[n]}}
        for n in range(6)]})}, HALF),
    Situation("FiftyOne with several labels", {**numbered("data", 2), "labels.json": json.dumps(
        {"classes": ["crow", "owl"], "labels": {"0": [0, 1], "1": [1]}})}, {"crow, owl": 1, "owl": 1}, asks={"several": "keep as one"}),
    Situation("Label Studio's CSV with several choices", {**SIX, "project.csv": "image,id,choice\n/data/upload/1/ab12cd34-0.jpg,0,"
        '"{""choices"": [""crow"", ""owl""]}"\n' + table(*(f"/data/upload/1/ab12cd34-{n}.jpg,{n},{LABELS[n]}" for n in range(1, 6)))},
        {"crow": 2, "owl": 3, "crow, owl": 1}, asks={"several": "keep as one"}),
    Situation("Label Studio's short form with several choices", {**SIX, "project.json": json.dumps([{"image": f"/data/upload/1/{n}.jpg",
        "choice": {"choices": ["crow", "owl"]} if n == 0 else LABELS[n]} for n in range(6)])}, {"crow": 2, "owl": 3, "crow, owl": 1}),
    Situation("Label Studio with empty results", {**SIX, "project.json": json.dumps([*STUDIO[:5],
        {"data": {"image": "5.jpg"}, "annotations": [{"result": None}, None]}])}, {"crow": 3, "owl": 2}, unlabelled=1),
    Situation("Datumaro with odd labels", {**SIX, "annotations/default.json": json.dumps({"categories": {"label": {"labels":
        [{"name": "crow"}, {"name": "owl"}]}}, "items": [{"id": str(n), "annotations": [None, {"label_id": None},
        {"label_id": int(n > 2)}]} for n in range(6)]})}, HALF),
    Situation("Datumaro without its labels", {**classes(crow=3, owl=2), "annotations.json": json.dumps(
        {"categories": {"label": None}, "items": [{"id": "0"}]})}, {"crow": 3, "owl": 2}, note="annotations.json is not used"),
    Situation("Vertex's lines", {**SIX, "import.jsonl": table(*(json.dumps({"imageGcsUri": f"gs://b/{n}.jpg",
        "classificationAnnotation": {"displayName": LABELS[n], "annotationResourceLabels": {}},
        "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": ("training", "test")[n % 2]}}) for n in range(6)))},
        HALF, splits={"train": 3, "test": 3}),
    Situation("a MATLAB file that is none", {**classes(crow=3, owl=2), "imagelabels.mat": "x"}, refused="Download it again"),
)  # fmt: skip
