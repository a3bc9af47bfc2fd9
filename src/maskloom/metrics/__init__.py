"""Scores of labels against labels: pixels, instances, and the report that holds them."""
