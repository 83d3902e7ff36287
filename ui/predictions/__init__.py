"""Photos with what models predicted for them: walls, the confusion matrix, and the viewer."""
