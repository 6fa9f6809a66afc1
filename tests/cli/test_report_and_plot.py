"""`canforget report` and `canforget plot`: what they write, what they say of it, and how they refuse."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from canforget.cli.app import main

STUDY = Path(__file__).parents[2] / "results" / "cifar10_class"


def said(capsys: Any, *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main([*arguments])
    assert left.value.code == 0
    return str(capsys.readouterr().out)


def test_json_says_what_was_written(capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "new" / "page.html"
    about = json.loads(said(capsys, "report", str(STUDY), "-o", str(out), "--json"))
    assert about == {"page": str(out), "cases": 80, "bytes": out.stat().st_size, "images shown": 0}
    assert [p.name for p in out.parent.iterdir()] == ["page.html"]


def test_a_figure_is_a_file_and_of_several_each_is(capsys: Any, tmp_path: Path) -> None:
    about = json.loads(said(capsys, "plot", str(STUDY), "--figure", "recovery_by_bits", "-o", str(tmp_path / "f.svg"), "--json"))
    assert [Path(f["figure"]).name for f in about] == ["f-1.svg", "f-2.svg", "f-3.svg"]
    assert all(ElementTree.parse(f["figure"]).getroot().tag.endswith("svg") for f in about)
    assert "f.svg  What was paid" in said(capsys, "plot", str(STUDY), "--figure", "price", "-o", str(tmp_path / "f.svg"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "missing"), "missing/results.json: no such file"),
        (("report", str(STUDY), "-o", "page.pdf"), "pages are written as .html; name the file so"),
        (("report", str(STUDY), str(STUDY / "results.json")), "holds a case that"),
        (("report", str(STUDY), "-o", "/proc/page.html"), "/proc/page.html"),
        (("plot", str(STUDY), "--figure", "prise"), "--figure: no figure 'prise'; did you mean 'price'?"),
        (("plot", str(STUDY), "--figure", "layers"), "--figure layers: not recorded: canforget run"),
        (("report",), "RECORDS is missing"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    capsys: Any, tmp_path: Path, monkeypatch: Any, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main([*arguments])
    problem = capsys.readouterr().err
    assert left.value.code == 2
    assert words in problem
    assert problem.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
