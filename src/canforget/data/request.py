"""A request to forget, as people write it: a text file that lists images by file name, path or id, and which images it means."""

import codecs
import re
import unicodedata
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy

from canforget.data.dataset import Table
from canforget.errors import DataError, shortened

COMMENT = re.compile(r"(?:^|\s)#")
NEIGHBORS = 200
"""How many names around an unknown one, in the order of their letters, are compared with it: all of a million would take minutes."""


@dataclass(frozen=True)
class Line:
    """A line of a request that names an image: its number in the file, and the texts that it may mean, the likeliest first."""

    number: int
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """An image of a data set that a line may mean: its part ("train" or "test"), id, and name, "" where it has none."""

    part: str
    id: int
    name: str

    def __str__(self) -> str:
        return f"{self.part}/{self.name} (id {self.id})" if self.name else f"id {self.id}"


def read_request(file: Path) -> list[Line]:
    """The lines of a text file that name images; blank lines and comments are left out.

    A comment goes from a # at the line's start or after a space to its end, unless an image's name holds it. UTF-8, with or without a
    byte-order mark, or UTF-16 with one, as some systems write it.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except (OSError, ValueError) as problem:
        said = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise DataError(f"ids: {file}: cannot be read as a text file of file names or ids, one a line: {said}") from None
    return list(lines_of(text))


def ids_in(file: Path) -> list[int]:
    """The ids that a request lists where no data set is at hand to look names up in; raises `DataError` for a line that is no id."""
    found = []
    for line in read_request(file):
        number = next((t for t in line.texts if is_id(t)), None)
        if number is None:
            raise DataError(f"{file}:{line.number}: '{shortened(line.texts[-1])}' is no id; list ids, one a line")
        found.append(int(number))
    return found


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a request's text that name images.

    >>> [(line.number, line.texts) for line in lines_of("# faces\\n7\\n\\ncat #2.png # hers")]
    [(2, ('7',)), (4, ('cat #2.png # hers', 'cat #2.png', 'cat'))]
    """
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = line.strip()
        ends = [len(line), *(m.start() for m in reversed(list(COMMENT.finditer(line))))]
        texts = tuple(filter(None, (line[:end].strip() for end in ends)))
        if texts and not line.startswith("#"):
            yield Line(number, texts)


def plain_path(text: str) -> str:
    """A name as names are compared: composed letters, forward slashes, no leading "./".

    >>> plain_path("./cats\\\\1.png")
    'cats/1.png'
    """
    text = text if text.isascii() else unicodedata.normalize("NFC", text)
    return re.sub(r"^(\./)+", "", text.replace("\\", "/"))


def is_id(text: str) -> bool:
    """Whether a text can be an id: a whole number in plain digits."""
    return text.isascii() and text.isdecimal() and len(text) < 19


class Meanings:
    """Which images each of some texts may mean: by the whole name, by the end of a path, or by an id."""

    def __init__(self, texts: Sequence[str], parts: Mapping[str, Table], root: Path | None = None) -> None:
        self.parts, self.root = parts, root
        self.whole: dict[str, list[Image]] = defaultdict(list)
        self.tails: dict[str, list[Image]] = defaultdict(list)
        wanted = {plain_path(t) for t in texts} | {plain_path(inside) for t in texts if (inside := self.within_root(t))}
        self.numbered = numbered({int(t) for t in texts if is_id(t)}, parts)
        for image in self.images():
            name = plain_path(image.name)
            for known in {name, f"{image.part}/{name}"} & wanted:
                self.whole[known].append(image)
            for at in (m.end() for m in re.finditer("/", name)):
                if name[at:] in wanted:
                    self.tails[name[at:]].append(image)

    def images(self) -> Iterator[Image]:
        """Every image that has a name."""
        for part, table in self.parts.items():
            for i, name in zip(table.ids.tolist(), table.names if table.names is not None else (), strict=table.names is not None):
                if name:
                    yield Image(part, i, name)

    def within_root(self, text: str) -> str:
        """The path within the data set's folder of a file that `text` names from the working directory or the root of the disk."""
        if self.root is None or "/" not in text:
            return ""
        try:
            path = Path(text).expanduser().resolve()
            return path.relative_to(self.root.resolve()).as_posix() if path.is_file() else ""
        except (ValueError, OSError, RuntimeError):
            return ""

    def of(self, text: str) -> list[Image]:
        """The images that `text` may mean; none when it is unknown."""
        name = plain_path(text)
        found = self.whole.get(name) or self.tails.get(name) or self.whole.get(plain_path(self.within_root(text)), [])
        by_id = self.numbered.get(int(text)) if is_id(text) else None
        return found if by_id is None or by_id in found else [*found, by_id]

    def nearest(self, text: str) -> str:
        """The known name that is most like `text`, or ""."""
        name, names = plain_path(text), {plain_path(image.name) for image in self.images()}
        for start in (m.end() for m in re.finditer("/", name)):
            if name[start:] in names:
                return name[start:]
        same = sorted(n for n in names if n.casefold().endswith(name.casefold()))
        tails = {"/".join(n.split("/")[-1 - name.count("/") :]): n for n in sorted(names)}
        near = same[:1] or get_close_matches(name, similar_names(name, list(tails)), n=1, cutoff=0.6)
        return tails.get(near[0], near[0]) if near else ""


def numbered(ids: set[int], parts: Mapping[str, Table]) -> dict[int, Image]:
    """The images that have these ids."""
    found = {}
    for part, table in parts.items():
        for row in numpy.flatnonzero(numpy.isin(table.ids, sorted(ids))).tolist():
            found[int(table.ids[row])] = Image(part, int(table.ids[row]), "" if table.names is None else table.names[row])
    return found


def similar_names(name: str, names: Sequence[str]) -> list[str]:
    """The `names` that begin or end most like `name`."""
    found: set[str] = set()
    for way in (1, -1):
        ordered = sorted(n[::way] for n in names)
        at = bisect(ordered, name[::way])
        found |= {n[::way] for n in ordered[max(at - NEIGHBORS, 0) : at + NEIGHBORS]}
    return sorted(found)


def requested(lines: Sequence[Line], parts: Mapping[str, Table], where: str, root: Path | None = None) -> list[Image]:
    """The image that each line means; raises `DataError` for the first line that means none, or several."""
    meanings = Meanings([t for line in lines for t in line.texts], parts, root)
    found = [next(filter(None, map(meanings.of, line.texts)), []) for line in lines]
    unknown = [line for line, images in zip(lines, found, strict=True) if not images]
    if unknown:
        others = f" ({len(unknown) - 1} more lines name none)" if len(unknown) > 1 else ""
        raise DataError(f"{where}:{unknown[0].number}: {no_image(unknown[0].texts[-1], meanings)}{others}")
    for line, images in zip(lines, found, strict=True):
        if len(images) > 1:
            shown = ", ".join(map(str, images[:4])) + (f" or {len(images) - 4} others" if len(images) > 4 else "")
            way = "write one of these paths" if len({(i.part, i.name) for i in images}) == len(images) else "write the id"
            raise DataError(f"{where}:{line.number}: '{shortened(line.texts[-1])}' may be {shown}; {way}")
    return [images[0] for images in found]


def no_image(text: str, meanings: Meanings) -> str:
    """What is said of a text that names no image."""
    last = sum(map(len, meanings.parts.values())) - 1
    if is_id(text.removeprefix("-")):
        return f"no image has the id {text}; ids are 0 to {last}"
    if not any(True for _ in meanings.images()):
        return f"'{shortened(text)}' is no id, and these images have no file names; list their ids, 0 to {last}, one a line"
    near = meanings.nearest(text)
    hint = f"did you mean '{near}'?" if near else f"names are paths within the data set, as in '{next(meanings.images()).name}'"
    return f"no image '{shortened(text)}'; {hint}"
