"""Preconditions on the forget and retain sets: not empty, whole classes; refused in one line."""

from canforget.data.images import Images
from canforget.errors import DataError


def require_images(method: str, **sets: Images) -> None:
    """Raises `DataError` when one of `sets` (by name: forget, retain) is empty although `method` learns from it."""
    for name, images in sets.items():
        if not len(images):
            raise DataError(f"{method}: the {name} set is empty, and {method} learns from it; pass images or choose another unlearner")


def require_whole_classes(method: str, forget: Images, retain: Images) -> list[int]:
    """Returns the forgotten classes, sorted; raises `DataError` when one of them is in `retain` too, or `forget` is empty."""
    require_images(method, forget=forget)
    classes = sorted(set(forget.y.tolist()))
    shared = sorted(set(classes) & set(retain.y.tolist()))
    if shared:
        raise DataError(
            f"{method}: forgets whole classes only, and the retain set has images of {shared} too; use the scenario whole_class"
        )
    return classes
