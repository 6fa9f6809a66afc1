"""Optional packages: imported when they are needed, named with how to install them when they are missing, and kept quiet."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from canforget.errors import SpecError


def needed(module: str, extra: str) -> Any:
    """An optional package, or one line that says how to install it."""
    try:
        return import_module(module)
    except ImportError:
        raise SpecError(f"{module} is not installed (pip install 'canforget[{extra}]')") from None


@contextmanager
def quietly() -> Iterator[None]:
    """Keeps from our users what an exporter, a compiler and their imports tell their own authors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
