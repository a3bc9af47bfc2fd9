"""pycocotools' `COCO` and `COCOeval`, with equal numbers: `from maskloom.compat.coco import ...`.

Objects and detections are columns; dicts are made when they are asked for.
"""

from maskloom.compat.coco.data import COCO
from maskloom.compat.coco.evaluation import COCOeval
from maskloom.compat.coco.params import Params

__all__ = ["COCO", "COCOeval", "Params"]
