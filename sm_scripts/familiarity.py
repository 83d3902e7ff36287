"""Whether a photo is like anything seen in training, by its distance from the training photos in feature space."""

from __future__ import annotations
