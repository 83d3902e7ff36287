"""The built-in sample: bird drawings, shipped so that Fieldmark can be tried without a photo."""

from pathlib import Path

# Written by `python -m core.datasets.sample.pack`.
COUNT = 600
ARCHIVE = Path(__file__).with_name("sketchbook.zip")
