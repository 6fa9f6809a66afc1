"""Where a model lies: a file, a folder that holds one, or the name of a step in a store, whole or by the first digits of its key."""

import re
from pathlib import Path

from canforget.errors import ArtifactError

SUFFIXES = (".safetensors", ".onnx")
STORE = Path("canforget-store")
NAME = re.compile(r"[0-9a-f]{6,64}")


def model_at(path: Path) -> Path:
    """The model file that `path` means; a path that is nothing of this comes back as it is, for whoever opens it to say so.

    A folder holds one model file. A store's name is `STORE/verb/key`, with six digits of the key or more, as records and `canforget run`
    say them; `verb/key` alone is looked up in `canforget-store`.

    Raises:
        ArtifactError: A folder of no model or of several, or digits that begin several keys.
    """
    if path.is_file():
        return path
    if path.is_dir():
        return only_model(path)
    if NAME.fullmatch(path.name) and path.parent.name:
        for parent in (path.parent, STORE / path.parent):
            found = sorted((parent / path.name[:2]).glob(f"{path.name}*"))
            if len(found) > 1:
                raise ArtifactError(f"{path}: {len(found)} keys of {parent} begin so; give more digits")
            if found:
                return only_model(found[0])
    return path


def only_model(folder: Path) -> Path:
    """The one model file in a folder."""
    found = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ArtifactError(f"{folder}: a folder with no model in it (.safetensors, .onnx); name a file")
    raise ArtifactError(f"{folder}: holds {len(found)} models; name one, as in {folder / found[0].name}")
