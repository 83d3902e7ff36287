"""The built-in sample: birds drawn in a sketchbook, so that the app can be tried without a
photo."""
