"""What the pages tell a reader to do works, and prints what they show; no code stands on a page that neither runs nor says that it does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.executed import DOCS, Reader, alike, blocks_of, missing

ROOT = DOCS.parent
FOLLOWED = [DOCS / "tutorial.md", *sorted(DOCS.glob("howto/*.md")), *sorted(DOCS.glob("explanation/*.md"))]
TOLD = [DOCS / "index.md", *sorted(p for p in DOCS.glob("*.md") if p.name not in ("index.md", "tutorial.md"))]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Somebody in an empty folder, but for the examples and the published records."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    os.symlink(ROOT / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return Reader(tmp_path, {})


SLOW = {"elsewhere.md"}  # a whole standard audit


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] * (p.name in SLOW), id=str(p.relative_to(DOCS))) for p in FOLLOWED]
)
def test_who_does_what_a_page_says_sees_what_it_shows(page: Path, reader: Reader) -> None:
    """Commands on pages rot: options are renamed, figures change, and the newcomer is the first to know."""
    for block in blocks_of(page):
        if not block.illustration:
            problems = reader.follow(block)
            assert not problems, f"{page.name}:{block.line}: {problems[0]}"


@pytest.mark.parametrize("page", FOLLOWED + TOLD, ids=lambda p: str(p.relative_to(DOCS)))
def test_code_that_is_not_run_says_so(page: Path) -> None:
    run = ("console", "python") if page in FOLLOWED else ()
    silent = [b for b in blocks_of(page) if not (b.illustration or b.caption or b.language in run)]
    assert [f"{page.name}:{b.line}: {b.text.splitlines()[0]}" for b in silent] == []


TAKEN = {
    "pitfalls.md": (
        ".041 and .045 apart in matched AUC",
        ".947",
        "would have lost 38|38 points",
        "cost the original .4 points|.4 points when done right",
    ),
    "limits.md": (
        "17 of 20",
        "12.7 standard errors",
        "on 99.9 % of the test images",
        "99.14|on 99.1 %",
        "as large as rounding noise|as large as the rounding noise",
    ),
    "rounding.md": ("within .6 points", "98 % of its int4 codes", ".1 % of the airplanes", "1.00 to 1.01 down to int4"),
    "coin-flips.md": ("least 1.76|at least 1.76", "1 of 20", "ε .44|it was .44"),
}  # figures of the explanations that come from the records; "there|here" where the two pages word them differently


@pytest.mark.parametrize("name", TAKEN)
def test_figures_of_the_explanations_are_those_of_the_records(name: str) -> None:
    """A record made anew changes its page, and the explanations would go on telling the old figure."""
    page, records = (" ".join(p.read_text(encoding="utf-8").split()) for p in (DOCS / "explanation" / name, ROOT / "results" / "README.md"))
    for words in TAKEN[name]:
        there, _, here = words.partition("|")
        assert there in records, there
        assert (here or there) in page, here or there


def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    """A link to nowhere, a page in no list, a name that the reference lost."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert done.returncode == 0, done.stderr
    assert "unlearners-scrub" in (tmp_path / "generated" / "components" / "unlearners.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("kept 96.3 % ± 1.2", "kept 95.8 % ±  .9", True),
        ("forgot 9 %", "forgot 90 %", False),
        ("file  a...", "file a.onnx", True),
        ("residual", "inconclusive", False),
        ("AUC .52", "AUC .61", False),
    ],
)
def test_words_are_compared_exactly_and_numbers_nearly(shown: str, printed: str, same: bool) -> None:
    """A comparison that takes anything holds no page to anything."""
    assert alike(shown, printed) is same


def test_lines_must_come_in_the_order_in_which_they_are_shown(capsys: Any) -> None:
    assert missing(["a", "...", "c"], "a\nb\nc\n", "x") == []
    assert missing(["c", "a"], "a\nb\nc\n", "x") != []
