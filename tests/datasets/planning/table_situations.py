"""Situations of tables of labels beside photos."""

from __future__ import annotations

import io
import json

import pandas as pd

from tests.datasets.planning.situation import Situation, classes, numbered, photos, table

SIX = numbered("images", 6)
HALF = {"crow": 3, "owl": 3}
LABELS = ("crow", "crow", "crow", "owl", "owl", "owl")


def rows(header: str, line: str = "{n}.jpg,{label}", mark: str = ",") -> str:
    """Return a table of the six photos; {n} is a photo's number, {label} its label."""
    lines = [line.format(n=n, label=label, i=int(label == "owl")) for n, label in enumerate(LABELS)]
    return table(*([header] if header else []), *lines).replace(",", mark)


def beside(name: str, content: str | bytes) -> dict[str, str | bytes]:
    return {**SIX, name: content}


def parquet() -> bytes:
    data = io.BytesIO()
    frame = pd.DataFrame({"file_name": [f"images/{n}.jpg" for n in range(6)], "label": LABELS})
    frame.to_parquet(data)
    return data.getvalue()


HEADERS = (
    *("filename,label", "File Name,Species", "image_path,Class", "img,category", "image_id,breed"),
    *("file,target", "photo,common_name", "url,scientificName", "MediaFilename,species", "id,y"),
)
NAMED = tuple(
    Situation(f"columns {header}", beside("labels.csv", rows(header)), HALF) for header in HEADERS
)
WRITTEN = tuple(
    Situation(
        f"a cell like {line}",
        beside("labels.csv", rows("filename,label", f"{line},{{label}}")),
        HALF,
    )
    for line in (
        "images/{n}.jpg",
        "./images/{n}.jpg",
        "images\\{n}.jpg",
        "{n}",
        "{n}.JPG",
        "{n}.jpeg",
        "{n}.png",
        "C:\\Users\\me\\data\\images\\{n}.jpg",
        "/home/other/data/images/{n}.jpg",
        "/home/other/pictures/{n}.jpg",
        "file:///data/images/{n}.jpg",
        "https://example.org/photos/large/{n}.jpg?size=2",
        "s3://bucket/birds/images/{n}.jpg",
        "data/birds/images/{n}.jpg",
    )
)
MARKS = tuple(
    Situation(
        f"a table cut by {mark!r}", beside("labels.csv", rows("filename,label", mark=mark)), HALF
    )
    for mark in (";", "\t", "|")
)
UMLAUTS = {"Eichelhäher": 3, "Grünfink": 3}
ENCODED = tuple(
    Situation(
        f"a table in {encoding}",
        beside(
            "labels.csv",
            rows("filename,label")
            .replace("crow", "Eichelhäher")
            .replace("owl", "Grünfink")
            .encode(encoding),
        ),
        UMLAUTS,
    )
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252", "iso8859_15")
)
OTHERS = (
    Situation("a table in Shift-JIS", beside("labels.csv",
        rows("filename,label").replace("crow", "カラス").replace("owl", "フクロウ").encode("cp932")),
        {"カラス": 3, "フクロウ": 3}, asks={"encoding": "cp932"}),
    Situation("a line that says sep=;", beside("labels.csv", "sep=;\n" + rows("filename,label", mark=";")), HALF),
    Situation("comments above", beside("labels.csv", "# made by hand\n# in May\n" + rows("filename,label")), HALF),
    Situation("no header", beside("labels.csv", rows("")), HALF),
    Situation("no header and blanks", beside("labels.txt", rows("", mark=" ")), HALF),
    Situation("empty lines and a trailing comma", beside("labels.csv",
        rows("filename,label,", "{n}.jpg,{label},\n")), HALF),
    Situation("quoted cells", beside("labels.csv", rows("filename,label", '"{n}.jpg","{label}"')), HALF),
    Situation("decimal commas", beside("labels.csv",
        rows("filename;label;weight", "{n}.jpg;{label};1,5").replace(";", ";")), HALF, kept=("weight",)),
    Situation("a path with a blank", {**photos("my photos/a 1.jpg", "my photos/b 2.jpg"),
        "labels.csv": table("filename,label", "my%20photos/a%201.jpg,crow", "my photos/b 2.jpg,owl")},
        {"crow": 1, "owl": 1}),
    Situation("zeros that a spreadsheet cut off", {**photos(*(f"img/{n:04d}.jpg" for n in range(1, 7))),
        "labels.csv": table("id,label", *(f"{n},{LABELS[n - 1]}" for n in range(1, 7)))}, HALF),
    Situation("a split column", beside("labels.csv",
        table("filename,label,split", *(f"{n}.jpg,{LABELS[n]},{part}" for n, part in
              enumerate(("train", "val", "test") * 2)))), HALF,
        splits={"train": 2, "validation": 2, "test": 2}),
    Situation("is_valid", beside("labels.csv",
        table("filename,label,is_valid", *(f"{n}.jpg,{LABELS[n]},{n % 3 == 0}" for n in range(6)))), HALF,
        splits={"train": 4, "validation": 2}),
    Situation("is_training_img", beside("labels.csv",
        table("filename,label,is_training_img", *(f"{n}.jpg,{LABELS[n]},{int(n % 2 == 0)}" for n in range(6)))),
        HALF, splits={"train": 3, "test": 3}),
    Situation("everything in train", beside("labels.csv", rows("filename,label,split", "{n}.jpg,{label},train")),
        HALF, splits={}),
    Situation("corners in pixels", beside("labels.csv",
        rows("filename,label,xmin,ymin,xmax,ymax", "{n}.jpg,{label},1,2,30,40")), HALF, boxes=6),
    Situation("corners as shares", beside("labels.csv",
        rows("filename,label,xmin,ymin,xmax,ymax", "{n}.jpg,{label},0.1,0.2,0.5,0.9")), HALF, boxes=6),
    Situation("a middle and a size", beside("labels.csv",
        rows("filename,label,x_center,y_center,width,height", "{n}.jpg,{label},0.5,0.5,0.2,0.2")), HALF, boxes=6),
    Situation("a box in one cell", beside("labels.csv",
        rows("filename;label;bbox", "{n}.jpg;{label};[1. 2. 30. 40.]").replace(";", "|")), HALF, boxes=6),
    Situation("further columns", beside("labels.csv",
        rows("filename,label,site,weather", "{n}.jpg,{label},pond,wet")), HALF, groups=1, kept=("weather",)),
    Situation("one-hot columns", beside("train.csv",
        table("image_id,healthy,rust,scab", *(f"{n},{int(n < 2)},{int(2 <= n < 4)},{int(n >= 4)}" for n in range(6)))),
        {"healthy": 2, "rust": 2, "scab": 2}),
    Situation("several labels with commas", beside("labels.csv",
        table("image;labels", "0.jpg;crow", "1.jpg;owl", "2.jpg;crow,owl", "3.jpg;owl")),
        {"crow": 1, "owl": 2, "crow, owl": 1}, asks={"several": "keep as one"},
        left={"table, read for labels": 1, "photo not in the tables": 2}),
    Situation("several labels with blanks", beside("train.csv",
        table("image,labels", "0.jpg,rust", "1.jpg,scab", "2.jpg,rust scab", "3.jpg,scab", "4.jpg,rust", "5.jpg,scab")),
        {"rust": 2, "scab": 3, "rust, scab": 1}, asks={"several": "keep as one"}),
    Situation("names of two words", beside("labels.csv",
        rows("filename,species", "{n}.jpg,American {label}")), {"American crow": 3, "American owl": 3}),
    Situation("codes and classes.txt", {**beside("train.csv", rows("image_id,label", "{n}.jpg,{i}")),
        "classes.txt": "crow\nowl\n"}, HALF),
    Situation("codes and a map in JSON", {**beside("train.csv", rows("image_id,label", "{n}.jpg,{i}")),
        "label_num_to_disease_map.json": '{"0": "crow", "1": "owl"}'}, HALF),
    Situation("codes that nothing names", beside("train.csv", rows("image_id,label", "{n}.jpg,{i}")), {"0": 3, "1": 3}),
    Situation("a code and a name", beside("labels.csv",
        rows("filename,class,class_name", "{n}.jpg,{i},{label}")), HALF, asks={"label": "class_name"}),
    Situation("two names", beside("labels.csv",
        rows("filename,scientific_name,common_name", "{n}.jpg,corvus {label},{label}")), HALF,
        asks={"label": "common_name"}),
    Situation("a column that nobody named", beside("labels.csv", rows("filename,what")), HALF),
    Situation("a folder and a name", {
        **photos(*(f"Station{s}/IMG_{n:04d}.JPG" for s in range(3) for n in range(2))),
        "TimelapseData.csv": table("RootFolder,File,RelativePath,DateTime,DeleteFlag,Species",
            *(f"survey,IMG_{n:04d}.JPG,Station{s},2026-05-01 06:10:00,false,{'Deer' if n else 'Fox'}"
              for s in range(3) for n in range(2)))}, {"Deer": 3, "Fox": 3}),
    Situation("a name that two photos have", {**photos("a/1.jpg", "b/1.jpg", "a/2.jpg"),
        "labels.csv": table("file,label", "1.jpg,crow", "2.jpg,owl")}, {"owl": 1}, errors=1),
    Situation("a table for each part", {**SIX,
        "train.csv": table("filename,label", "0.jpg,crow", "3.jpg,owl"),
        "val.csv": table("filename,label", "1.jpg,crow", "4.jpg,owl"),
        "test.csv": table("filename,label", "2.jpg,crow", "5.jpg,owl")}, HALF,
        splits={"train": 2, "validation": 2, "test": 2}),
    Situation("a sample submission", {**numbered("train_images", 6), **numbered("test_images", 2, start=20),
        "train.csv": rows("image_id,label"), "sample_submission.csv": table("image_id,label", "20.jpg,crow")},
        HALF, unlabelled=2, asks={"folder:test_images": "unlabelled"}, note="sample submission"),
    Situation("train.csv and test.csv without labels", {**numbered("train", 6), **numbered("test", 2, start=20),
        "train.csv": rows("id,label", "{n},{label}"), "test.csv": table("id", "20", "21")}, HALF, unlabelled=2),
    Situation("two tables about the same photos", {**beside("labels.csv", rows("filename,label")),
        "labels_old.csv": table("filename,label", "0.jpg,jay", "1.jpg,jay")}, HALF,
        asks={"table": "labels.csv"}, note="labels_old.csv is not used"),
    Situation("a table in each folder", {**numbered("a", 2), **numbered("b", 2),
        "a/labels.csv": table("file,label", "0.jpg,crow", "1.jpg,owl"),
        "b/labels.csv": table("file,label", "0.jpg,owl", "1.jpg,owl")}, {"crow": 1, "owl": 3}),
    Situation("a table about photos elsewhere", beside("labels.csv",
        table("filename,label", "x1.jpg,crow", "x2.jpg,owl")), refused="labels.csv can't be used: no photo named"),
    Situation("a table about something else beside classes", {**classes(crow=3, owl=2),
        "prices.csv": table("name,price", "corn,3")}, {"crow": 3, "owl": 2}, note="prices.csv is not used"),
    Situation("a table of few photos beside classes", {**classes(crow=30, owl=30),
        "notes.csv": table("file,label", "crow_1.jpg,odd")}, {"crow": 30, "owl": 30},
        asks={"table": ""}, note="it names only 1"),
    Situation("photos without a row", {**numbered("images", 8), "labels.csv": rows("filename,label")}, HALF,
        asks={"unlisted": "leave out"}, left={"table, read for labels": 1, "photo not in the tables": 2}),
    Situation("rows without a photo", beside("labels.csv", rows("filename,label") + "99.jpg,owl\n"), HALF, errors=1),
    Situation("rows without a label", beside("labels.csv", rows("filename,label").replace("owl", "")),
        {"crow": 3}, unlabelled=3),
    Situation("a row twice", beside("labels.csv", rows("filename,label") + "0.jpg,owl\n"), HALF, errors=1),
    Situation("rows of another length", beside("labels.csv", rows("filename,label") + "5.jpg\n"), HALF, errors=1),
    Situation("labels that are folders of other photos", {**photos("cow/1.jpg"),
        "labels.csv": table("file,label", "cat/1.jpg,cat", "dog/1.jpg,dog", "cow/1.jpg,cow")}, {"cow": 1}, errors=2),
    Situation("a spreadsheet", {**classes(crow=3, owl=2), "labels.xlsx": b"PK"}, {"crow": 3, "owl": 2},
        note="labels.xlsx is a spreadsheet"),
    Situation("Hugging Face's metadata.csv", beside("metadata.csv", rows("file_name,label", "images/{n}.jpg,{label}")), HALF),
    Situation("Hugging Face's metadata.jsonl", beside("metadata.jsonl", table(
        *(json.dumps({"file_name": f"images/{n}.jpg", "label": LABELS[n]}) for n in range(6)))), HALF),
    Situation("Hugging Face's metadata.parquet", beside("metadata.parquet", parquet()), HALF),
    Situation("metadata in each part", {**numbered("train", 4), **numbered("test", 2),
        "train/metadata.csv": table("file_name,label", "0.jpg,crow", "1.jpg,crow", "2.jpg,owl", "3.jpg,owl"),
        "test/metadata.csv": table("file_name,label", "0.jpg,crow", "1.jpg,owl")}, HALF,
        splits={"train": 4, "test": 2}),
    Situation("metadata without a label beside classes", {**classes("train", crow=2, owl=2), **classes("test", crow=1, owl=1),
        "metadata.csv": table("file_name,weather", *(f"train/{c}/{c}_{n}.jpg,wet" for c in ("crow", "owl") for n in range(2)))},
        {"crow": 3, "owl": 3}, splits={"train": 4, "test": 2}, kept=("weather",)),
    Situation("a damaged table alone", beside("labels.csv", "file,label\n0.jpg,cr\0ow\n"), refused=r"labels\.csv can't be used.*line 2"),
    Situation("columns of a path, a folded class and no words", beside("labels.csv",
        table("image_path,kfold,target", *(f"images/{n}.jpg,{n % 3},{int(n > 2)}" for n in range(6)))), {"0": 3, "1": 3}, kept=("kfold",)),
    Situation("folds are no split", beside("labels.csv",
        table("filename,label,split", *(f"{n}.jpg,{LABELS[n]},{n % 3}" for n in range(6)))), HALF, splits={}, kept=("split",)),
    Situation("a set that is no split", beside("labels.csv", rows("filename,label,set", "{n}.jpg,{label},A")), HALF, kept=("set",)),
    Situation("public and private test", beside("labels.csv", table("file,label,Usage",
        *(f"{n}.jpg,{LABELS[n]},{part}" for n, part in enumerate(("Training", "PublicTest") * 3)))), HALF,
        splits={"train": 3, "test": 3}),
    Situation("labels.csv of a data frame with its index", beside("labels.csv", rows(",image,label", "{n},{n}.jpg,{label}")), HALF),
    Situation("labels.csv that begins with a number", beside("labels.csv",
        rows("id,image,label,label_text", "{n},{n}.jpg,{i},{label}")), HALF, asks={"label": "label_text"}),
    Situation("Kaggle's filepaths and data set", beside("birds.csv", table("class id,filepaths,labels,data set",
        *(f"{int(n > 2)},train/{LABELS[n]}/{n}.jpg,{LABELS[n]},{('train', 'test', 'valid')[n % 3]}" for n in range(6)))), HALF,
        splits={"train": 2, "test": 2, "validation": 2}),
    Situation("Kaggle's whales", {**photos("train/a1.jpg", "train/b2.jpg", "train/c3.jpg", "train/d4.jpg", "test/z.jpg"),
        "train.csv": table("Image,Id", "a1.jpg,w_1", "b2.jpg,new_whale", "c3.jpg,w_2", "d4.jpg,new_whale"),
        "sample_submission.csv": table("Image,Id", "z.jpg,new_whale w_1")}, {"new_whale": 2, "w_1": 1, "w_2": 1}, unlabelled=1),
    Situation("Kaggle's seedlings", {**classes("train", Charlock=3, Fathen=2), **numbered("test", 2),
        "sample_submission.csv": table("file,species", "0.jpg,Fathen", "1.jpg,Fathen")}, {"Charlock": 3, "Fathen": 2},
        asks={"loose": "leave out"}, note="sample submission"),
    Situation("a sample submission beside a pile", {**SIX, "sample_submission.csv": table("id,label", "0,crow", "1,crow")}, {},
        unlabelled=6, note="sample submission"),
    Situation("several codes in a cell and their names", {**numbered("train", 6), "labels.csv": table("attribute_id,attribute_name",
        "0,culture", "1,tag", "2,period"), "train.csv": table("id,attribute_ids", *(f"{n},{n % 2} 2" for n in range(6)))},
        {"culture, period": 3, "tag, period": 3}, asks={"several": "keep as one"}),
    Situation("several labels as a list", beside("labels.csv", table("image;label", "0.jpg;['crow', 'owl']",
        *(f"{n}.jpg;['{LABELS[n]}']" for n in range(1, 6)))), {"crow": 2, "owl": 3, "crow, owl": 1}, asks={"several": "keep as one"}),
    Situation("ranks of a taxonomy", beside("images.csv", rows("filename,class,order,family,genus,species,common_name",
        "{n}.jpg,Aves,Passeriformes,Corvidae,Corvus,corax,{label}")), HALF, asks={"label": "common_name"}),
    Situation("Darwin Core's columns", beside("occurrences.csv", rows("occurrenceID,associatedMedia,kingdom,class,order,scientificName,vernacularName",
        "o{n},{n}.jpg,Animalia,Aves,Passeriformes,Corvus {label},{label}")), HALF, asks={"label": "vernacularName"}),
    Situation("Vertex's CSV", beside("import.csv", table(*(f"{('TRAIN', 'VALIDATION', 'TEST')[n % 3]},gs://bucket/images/{n}.jpg,{LABELS[n]}"
        for n in range(6)))), HALF, splits={"train": 2, "validation": 2, "test": 2}),
    Situation("metadata without a label beside a pile", beside("metadata.csv", table("file_name,caption",
        *(f"{n}.jpg,photo number {n}" for n in range(6)))), {}, unlabelled=6, kept=("caption",)),
    Situation("counts that are names of photos by chance", {**beside("labels.csv", rows("filename,label")),
        "places.csv": table("place,latitude,count", "pond,1,3", "hill,2,4")}, HALF, note="places.csv is not used", kept=()),
    Situation("masks called like the photos", {**SIX, **numbered("masks", 6, ".png"), "labels.csv": rows("id,label", "{n},{label}")}, HALF,
        asks={"unlisted": "leave out"}),
    Situation("an address that is none", beside("labels.csv", rows("filename,label") + "http://[x/7.jpg,owl\n"), HALF, errors=1),
    Situation("a notebook's note beside each photo", {**SIX, **{f"images/{n}.txt": "0 0.5 0.5 0.2 0.2\n" for n in range(6)},
        "labels.csv": rows("filename,label")}, HALF, left={"not an image file": 6, "table, read for labels": 1}),
    *(Situation(f"codes and {name}", {**beside("train.csv", rows("image_id,label", "{n}.jpg,{i}")), name: content}, HALF)
      for name, content in (
          ("config.json", '{"id2label": {"0": "crow", "1": "owl"}, "label2id": {"crow": 0, "owl": 1}}'),
          ("categories.json", '[{"id": 0, "name": "crow"}, {"id": 1, "name": "owl"}]'),
          ("class_names.csv", table("id,name", "0,crow", "1,owl")),
          ("classes.csv", table("name,id", "crow,0", "owl,1")),
          ("class_dict.csv", table("class_index,class,height,width", "0,crow,9,9", "1,owl,9,9")),
          ("label_map.pbtxt", "item {\n  id: 0\n  name: 'crow'\n}\nitem {\n  id: 1\n  name: 'owl'\n}\n"),
      )),
    Situation("codes with a decimal point", {**beside("train.csv", rows("image_id,label", "{n}.jpg,{i}.0")),
        "classes.txt": "crow\nowl\n"}, HALF),
    Situation("a table that could be names of codes", {**photos("img/1.jpg", "img/2.jpg"), "labels.csv": table("id,label", "1,crow", "2,owl")},
        {"crow": 1, "owl": 1}),
    Situation("cells that say that nobody knows", beside("labels.csv", table("file,label", "0.jpg,NaN", "1.jpg,NA", "2.jpg,unlabeled",
        *(f"{n}.jpg,owl" for n in range(3, 6)))), {"NA": 1, "NaN": 1, "owl": 3}, unlabelled=1),
    Situation("one-hot columns of words", beside("train.csv", table("image,crow,owl",
        *(f"{n}.jpg,{n < 3},{n > 2}" for n in range(6)))), HALF),
    Situation("one-hot columns of crosses", beside("train.csv", table("image;crow;owl",
        *(f"{n}.jpg;{'x' if n < 3 else ''};{'x' if n > 2 else ''}" for n in range(6)))), HALF),
    Situation("one-hot columns beside a flag", beside("train.csv", table("image,crow,owl,night,width",
        *(f"{n}.jpg,{int(n < 3)},{int(n > 2)},{n % 2},640" for n in range(6)))), HALF, kept=("night", "width")),
    Situation("tables that add to each other", {**beside("a.csv", rows("file,label")), "b.csv": rows("file,split", "{n}.jpg,train").replace(
        "0.jpg,train", "0.jpg,test"), "c.csv": rows("file,site", "{n}.jpg,pond"), "d.csv": rows("file,weather,light", "{n}.jpg,wet,dim")},
        HALF, splits={"train": 5, "test": 1}, groups=1, kept=("weather", "light")),
    Situation("ISIC's tables", {**photos(*(f"ISIC_Input/ISIC_{n:07d}.jpg" for n in range(6))),
        "ISIC_Training_GroundTruth.csv": table("image,MEL,NV,UNK", *(f"ISIC_{n:07d},{float(n < 3)},{float(n > 2)},0.0" for n in range(6))),
        "ISIC_Training_Metadata.csv": table("image,age,lesion_id,sex", *(f"ISIC_{n:07d},55,L{n // 2},male" for n in range(6)))},
        {"MEL": 3, "NV": 3}, groups=3, kept=("age", "sex")),
    Situation("titles above the header", beside("labels.csv", "Birds of the pond\nMay\n\n" + rows("filename,label")), HALF),
    Situation("a title that a spreadsheet filled up", beside("labels.csv", "Birds,,\n" + rows("filename,label,light", "{n}.jpg,{label},dim")),
        HALF, kept=("light",)),
    Situation("numbers with a decimal point", beside("labels.csv", rows("id,label", "{n}.0,{label}")), HALF),
    Situation("sites that are the folders", {**photos("a/1.jpg", "b/1.jpg", "a/2.jpg", "b/2.jpg"),
        "labels.csv": table("site,file,label", "a,1.jpg,crow", "b,1.jpg,owl", "a,2.jpg,crow", "b,2.jpg,owl")}, {"crow": 2, "owl": 2}),
    Situation("parts that are the folders", {**photos("train/1.jpg", "test/1.jpg", "train/2.jpg", "test/2.jpg"),
        "labels.csv": table("split,file,label", "train,1.jpg,crow", "test,1.jpg,owl", "train,2.jpg,crow", "test,2.jpg,owl")},
        {"crow": 2, "owl": 2}, splits={"train": 2, "test": 2}),
    Situation("rows in JSON", beside("labels.json", json.dumps([[f"{n}.jpg", LABELS[n]] for n in range(6)])), HALF),
    Situation("columns in JSON", beside("labels.json", json.dumps(
        {"image_names": [f"{n}.jpg" for n in range(6)], "labels": LABELS, "info": ["x"]})), HALF),
    Situation("parts of records in JSON", beside("split.json", json.dumps({part: [{"file": f"{n}.jpg", "label": LABELS[n]} for n in numbers]
        for part, numbers in (("train", (0, 1, 3, 4)), ("test", (2, 5)))})), HALF, splits={"train": 4, "test": 2}),
    Situation("parts of rows in JSON", beside("split.json", json.dumps({part: [[f"{n}.jpg", int(n > 2), LABELS[n]] for n in numbers]
        for part, numbers in (("train", (0, 1, 3, 4)), ("val", (2, 5)))})), HALF, splits={"train": 4, "validation": 2}),
    Situation("parts of names in JSON beside classes", {**classes("images", crow=2, owl=2), "split.json": json.dumps(
        {"train": ["crow/crow_0.jpg", "owl/owl_0.jpg"], "test": ["crow/crow_1.jpg", "owl/owl_1.jpg"]})}, {"crow": 2, "owl": 2},
        splits={"train": 2, "test": 2}),
    Situation("first rows without a label and without a header", beside("labels.csv",
        table("0,", "1,", "2,crow", "3,owl", "4,owl", "5,crow")), {"crow": 2, "owl": 2}, unlabelled=2),
    Situation("a table called like a photo", {**photos("train/train.jpg", "train/b.jpg"), "train.csv": table("file,label", "train.jpg,crow",
        "b.jpg,owl")}, {"crow": 1, "owl": 1}),
)  # fmt: skip
SITUATIONS = (*NAMED, *WRITTEN, *MARKS, *ENCODED, *OTHERS)
