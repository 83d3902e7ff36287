"""Usual column names in tables about photos, as written by `columns.normalise_name`."""

from __future__ import annotations

PATH_NAMES = (
    *("path", "filepath", "file_path", "image_path", "img_path", "image_filepath", "filename"),
    *(
        "file_name",
        "file",
        "image_file",
        "image_file_name",
        "image_filename",
        "image_name",
        "image",
    ),
    *(
        "img",
        "img_name",
        "photo",
        "picture",
        "media",
        "mediafilename",
        "media_filename",
        "image_id",
    ),
    *("imageid", "img_id", "photo_id", "file_id", "relative_path", "relativepath", "uri", "url"),
    *("image_url", "id", "name", "key", "index", "uuid", "dateiname", "datei", "bild", "fichier"),
)
FOLDER_NAMES = ("relativepath", "relative_path", "folder", "dir", "directory", "subfolder", "path")
FILE_NAMES = ("file", "filename", "file_name", "name", "image_name", "image")
# Ordered: if a table has several, the first is the label.
LABEL_NAMES = (
    *("label", "labels", "class", "classes", "class_name", "classname", "label_name", "category"),
    *("category_name", "target", "species", "common_name", "vernacular_name", "species_name"),
    *("breed", "scientific_name", "scientificname", "taxon", "taxon_name", "y", "choice"),
    *("choices", "display_name", "y_true", "true_label", "gt", "label_text", "label_str"),
    *("animal", "dx", "diagnosis", "klasse", "art", "classe", "espece", "class_id", "label_id"),
    *("classid", "category_id", "target_id", "species_id", "ground_truth", "annotation"),
)
# Other endings of label columns; these take precedence over the weak names below.
LABEL_ENDINGS = ("_label", "_labels", "_class", "_species", "_category", "_display_name")
WEAK_LABEL_NAMES = ("tag", "tags")
# Beside two of these, `class` is a taxonomic rank, and `species` may be only an epithet.
RANKS = ("kingdom", "phylum", "order", "family", "genus")
SPLIT_NAMES = (
    *("split", "set", "subset", "partition", "dataset", "data_set", "usage", "phase"),
    *("train_test", "split_name", "is_valid", "is_val", "is_validation", "is_test", "is_train"),
    *("is_training", "is_training_img", "is_training_image", "training"),
)
GROUP_NAMES = (
    *("group", "location", "location_id", "locationid", "site", "camera", "camera_id", "station"),
    *("deploymentid", "deployment_id", "deployment", "individual", "individual_id", "burst"),
    *("sequence", "seq_id", "sequence_id", "sequenceid", "lot", "patient", "patient_id"),
    *("patientid", "subject", "recording", "session", "eventid", "lesion_id", "plot"),
)
