"""Names of images beside label files that say them with their suffix."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from maskloom.core.sample import Sample


def named_image(sample: Sample) -> str:
    """The key with the image's suffix, unless the key has it: of images that differ in it alone.

    Args:
        sample: whose image may be called otherwise, or be nowhere.
    """
    image = sample.image.path
    known = Path(sample.file_name) if image is None else image
    suffix = known.suffix or ("" if image is not None else ".png")
    last = PurePosixPath(sample.key).name
    # An image `a.png.png` has the key `a.png`, too.
    kept = sample.key.endswith(suffix) and known.stem != last
    return sample.key if kept else sample.key + suffix
