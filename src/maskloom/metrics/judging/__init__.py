"""Labels against labels over two data sets: what belongs together, counted, reported."""
