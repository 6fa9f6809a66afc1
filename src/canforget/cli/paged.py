"""What `canforget report` makes a page of: records of studies and of evaluated files, or audits; each file is checked first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from canforget.auditing.saved_audit import audits_in, is_audit
from canforget.cli.forgotten_images import forgotten_images
from canforget.errors import SpecError
from canforget.file_io import read_json
from canforget.report.page.build import PageText, page_html
from canforget.report.record import load_all


@dataclass(frozen=True)
class Paged:
    """A page, and how many cases, audits and images it holds; `None` audits of a page of records."""

    markup: str
    cases: int
    audits: int | None
    images: int


def pages_of(paths: Sequence[Path], title: str, show_images: bool, data_dir: Path | None) -> Paged:
    """The page of all files."""
    of_audits = [path for path in paths if path.suffix == ".json" and path.is_file() and is_audit(read_json(path))]
    if not of_audits:
        return page_of_records(paths, title, show_images, data_dir)
    if other := next((path for path in paths if path not in of_audits), None):
        raise SpecError(f"{other}: is no audit, and {of_audits[0]} is one; an audit has a page of its own: give audits alone")
    if show_images:
        raise SpecError("--show-images: an audit does not hold which images were forgotten; drop it, or make the page of a study")
    return page_of_audits(paths, title)


def page_of_records(paths: Sequence[Path], title: str, show_images: bool, data_dir: Path | None) -> Paged:
    """The page of studies and of evaluated files."""
    cases = load_all(paths)
    pictures = forgotten_images(cases, data_dir) if show_images else {}
    page = page_html(cases, PageText(title, sources_of(paths), pictures))
    return Paged(page, len(cases), None, sum(map(len, pictures.values())))


def page_of_audits(paths: Sequence[Path], title: str) -> Paged:
    """The page of audits."""
    from canforget.auditing.certificate import predicate_of
    from canforget.auditing.page import audits_page, records_of_page

    saved = [audit for path in paths for audit in audits_in(read_json(path), path)]
    predicates = [predicate_of(audit.account, [], "", "") for audit in saved]
    page = audits_page(saved, PageText(title, sources_of(paths)), predicates)
    return Paged(page, len(records_of_page(saved)), len(saved), 0)


def sources_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """The names that a page says it was made from."""
    return tuple(dict.fromkeys(path.name for path in paths))
