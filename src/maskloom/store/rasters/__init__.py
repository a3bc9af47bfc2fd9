"""Windows of images of any size: only the chunks that a window touches are read.

`open_raster` is the door; a backend (`segments.py` TIFF, `slides.py` what OpenSlide reads,
`arrays.py` zarr, `gdal.py` what rasterio reads, `whole.py` small pictures) gives chunks,
`raster.py` puts windows together.
Writing large maps is in `store/pyramid.py`.
"""

from maskloom.store.rasters.opening import Kind, held_bytes, open_raster, raster_size
from maskloom.store.rasters.raster import Raster

__all__ = ["Kind", "Raster", "held_bytes", "open_raster", "raster_size"]
