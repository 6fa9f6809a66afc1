"""`canforget report` and `canforget plot`: what they write, what they say of it, and how they refuse."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from canforget.cli.app import main
from canforget.cli.model_answer import judged_records
from canforget.pipeline import values_of
from canforget.report.record import Record
from tests.cli.test_model_answer import LABEL, evidence

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


def evaluated(place: Path, quantizer: str, forgot: float) -> str:
    """What `canforget evaluate --out` writes of a model in a format."""
    made = Record(replace(LABEL, quantizer=quantizer), conditions={"command": f"canforget evaluate {quantizer}.safetensors"})
    records = judged_records(made, evidence(forgot), values_of(evidence(forgot)))
    place.write_text(json.dumps({"schema": "canforget.evaluation/1", "values": {}, "records": [asdict(r) for r in records]}))
    return str(place)


def test_evaluations_of_a_model_in_two_formats_are_one_page(capsys: Any, tmp_path: Path) -> None:
    """With a .pth there is no study: what evaluate wrote is refused no more, and nobody is sent to canforget run."""
    files = [evaluated(tmp_path / "float.json", "none", 0.9), evaluated(tmp_path / "int8.json", "int:bits=8", 0.9)]
    about = json.loads(said(capsys, "report", *files, "-o", str(tmp_path / "p.html"), "--json"))
    page = (tmp_path / "p.html").read_text()
    assert about["cases"] == 12
    for words in ("One model at hand, beside the original and 4 retrained models", "canforget evaluate int:bits=8.safetensors",
                  "residual", "Membership at few false alarms", "One model was judged"):  # fmt: skip
        assert words in page, words
    assert "canforget run --datasets" not in page
    assert "This study had none" not in page


def test_two_models_share_the_references_that_both_were_judged_beside(capsys: Any, tmp_path: Path) -> None:
    first = evaluated(tmp_path / "a.json", "none", 0.9)
    content = json.loads(Path(first).read_text())
    content["records"][0]["case"]["unlearner"] = "salun"
    (tmp_path / "b.json").write_text(json.dumps(content))
    assert json.loads(said(capsys, "report", first, str(tmp_path / "b.json"), "-o", str(tmp_path / "p.html"), "--json"))["cases"] == 7


def test_an_audit_has_a_page_and_none_together_with_a_study(capsys: Any, tmp_path: Path) -> None:
    audit = str(STUDY.parent / "reported_audited" / "standard.json")
    about = json.loads(said(capsys, "report", audit, "-o", str(tmp_path / "p.html"), "--json"))
    assert (about["audits"] > 0, about["cases"]) == (True, 0)
    with pytest.raises(SystemExit):
        main(["report", audit, str(STUDY), "-o", str(tmp_path / "q.html")])
    assert "an audit has a page of its own: give audits alone" in capsys.readouterr().err


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
