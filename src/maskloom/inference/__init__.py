"""From a trained network (or any Segmenter) to labels."""
