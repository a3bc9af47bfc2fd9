"""COCO and LVIS evaluation on columns: nothing is a Python object per detection."""
