import string
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.data.dataset import Table, names_array
from canforget.data.request import Line, lines_of, plain_path, read_request, requested
from canforget.errors import DataError

TRAIN = ["ant/1.png", "ant/2.png", "bee/1.png", "bee/é.png", "bee/a b=c,d.png", "2024", "cat #2.png", "deep/er/9.png"]
TEST = ["ant/3.png", "bee/2.png", "zoo/1.png"]
PARTS = {
    "train": Table(numpy.zeros(8, dtype=int), numpy.arange(8), names_array(TRAIN)),
    "test": Table(numpy.zeros(3, dtype=int), numpy.arange(8, 11), names_array(TEST)),
}


def asked(text: Any, parts: Any = PARTS, root: Any = None) -> Any:
    return [image.id for image in requested(list(lines_of(text)), parts, "request.txt", root)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("ant/1.png", [0]),
        ("train/ant/1.png", [0]),
        ("./ant/2.png", [1]),
        ("ant\\2.png", [1]),
        ("9.png\ner/9.png", [7, 7]),
        ("bee/é.png\nbee/e\u0301.png", [3, 3]),
        ("a b=c,d.png", [4]),
        ("train/2024\n2024", [5, 5]),
        ("cat #2.png\ncat #2.png # hers # 3\n7 # id", [6, 6, 7]),
        ("test/ant/3.png\n8\n3.png", [8, 8, 8]),
        ("3\n03", [3, 3]),
    ],
)  # fmt: skip
def test_a_line_is_a_name_the_end_of_a_path_or_an_id(text: Any, ids: Any) -> None:
    """People list what they have: `ls` of a class's folder, paths of Windows, numbers; a Mac writes é as two letters."""
    assert asked(text) == ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# x\nant/11.png", "request.txt:2: no image 'ant/11.png'; did you mean 'ant/1.png'?"),
        ("ANT/1.PNG", "did you mean 'ant/1.png'?"),
        ("/data/pets/ant/1.png\n!\n?", "no image '/data/pets/ant/1.png'; did you mean 'ant/1.png'? (2 more lines name none)"),
        ("er/8.png", "did you mean 'deep/er/9.png'?"),
        ("qqqqq", "no image 'qqqqq'; names are paths within the data set, as in 'ant/1.png'"),
        ("11", "no image has the id 11; ids are 0 to 10"),
        ("-1", "no image has the id -1"),
        ("9" * 30, "no image '999999999999999999999999999999'"),
        ("1.png", "'1.png' may be train/ant/1.png (id 0), train/bee/1.png (id 2), test/zoo/1.png (id 10); write one of these paths"),
        ("2.png", "'2.png' may be train/ant/2.png (id 1), test/bee/2.png (id 9); write one of these paths"),
    ],
)
def test_a_line_that_means_no_image_or_several_is_named_with_the_way_out(text: Any, message: Any) -> None:
    """Forgetting a namesake leaves the person who asked in the model."""
    with pytest.raises(DataError) as caught:
        asked(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_that_is_an_id_and_a_name_is_ambiguous() -> None:
    """A photograph called 2 is not the third photograph."""
    parts = {"train": Table(numpy.zeros(3, dtype=int), numpy.arange(3), names_array(["2", "b", "c"]))}
    with pytest.raises(DataError, match=r"'2' may be train/2 \(id 0\), train/c \(id 2\); write one of these paths"):
        asked("2", parts)
    assert asked("train/2\ntrain/c", parts) == [0, 2]


def test_namesakes_without_a_path_are_told_apart_by_their_ids() -> None:
    """Parquet files often hold bare file names, and the same one in every class."""
    parts = {"train": Table(numpy.zeros(7, dtype=int), numpy.arange(7), names_array(["x.png"] * 6 + ["y.png"]))}
    with pytest.raises(DataError, match=r"train/x\.png \(id 0\), .* or 2 others; write the id"):
        asked("x.png", parts)
    assert asked("5\ny.png", parts) == [5, 6]


def test_without_names_only_ids_are_understood() -> None:
    parts = {"train": Table(numpy.zeros(3, dtype=int), numpy.arange(3))}
    assert asked("2\n0", parts) == [2, 0]
    with pytest.raises(DataError, match="'a.png' is no id, and these images have no file names; list their ids, 0 to 2"):
        asked("a.png", parts)


def test_a_path_from_the_working_directory_into_the_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`find pets -name ...` writes paths that begin with the folder's own name."""
    (tmp_path / "pets/ant").mkdir(parents=True)
    (tmp_path / "pets/ant/1.png").write_bytes(b"")
    (tmp_path / "others/ant").mkdir(parents=True)
    (tmp_path / "others/ant/1.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert asked(f"pets/ant/1.png\n{tmp_path}/pets/ant/1.png", root=tmp_path / "pets") == [0, 0]
    with pytest.raises(DataError, match="no image 'others/ant/1.png'"):
        asked("others/ant/1.png", root=tmp_path / "pets")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, encoding: Any) -> None:
    """Windows writes one; the first name of a request would be unknown, or its first id a mistake."""
    (tmp_path / "r.txt").write_text("7\r\n\r\né.png\r\n", encoding=encoding)
    assert read_request(tmp_path / "r.txt") == [Line(1, ("7",)), Line(3, ("é.png",))]


@pytest.mark.parametrize("raw", [b"\xff\xfe1", b"\xff", b"a\x00\xe9"])
def test_what_is_no_text_is_refused(tmp_path: Path, raw: Any) -> None:
    (tmp_path / "r.txt").write_bytes(raw)
    with pytest.raises(DataError, match=r"r\.txt: cannot be read as a text file of file names or ids"):
        read_request(tmp_path / "r.txt")


def test_a_folder_or_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read .*: Is a directory"):
        read_request(tmp_path)
    with pytest.raises(DataError, match="cannot be read .*: No such file"):
        read_request(tmp_path / "gone")


LETTERS = st.text(st.sampled_from(string.ascii_lowercase[:4] + "0129/.# \\\t\r\ufeffé\u0301-"), max_size=12)


def refusal(read: Any) -> Any:
    """What a reader says when it refuses, or nothing."""
    try:
        read()
    except DataError as problem:
        return str(problem)
    return ""


@given(st.lists(LETTERS, max_size=6), st.lists(LETTERS, min_size=1, max_size=8))
def test_every_text_is_understood_or_refused_in_one_line(lines: Any, names: Any) -> None:
    """Whatever a request and a data set's names hold, no image is chosen that its line does not name."""
    parts = {"train": Table(numpy.zeros(len(names), dtype=int), numpy.arange(len(names)), names_array(names))}
    read = list(lines_of("\n".join(lines)))
    said = refusal(lambda: requested(read, parts, "request.txt"))
    if said:
        assert said.startswith("request.txt:")
        assert "\n" not in said
        return
    found = requested(read, parts, "request.txt")
    for line, image in zip(read, found, strict=True):
        known = (plain_path(image.name), f"train/{plain_path(image.name)}")
        assert any(
            plain_path(t) in known or known[0].endswith(f"/{plain_path(t)}") or t.lstrip("0") == str(image.id or "") for t in line.texts
        )


@given(st.text(max_size=40))
def test_every_text_has_lines(text: Any) -> None:
    for line in lines_of(text):
        assert line.texts
        assert all(t and t == t.strip() for t in line.texts)
