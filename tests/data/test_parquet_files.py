import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canforget.data.parquet_files import Layout, names_in, parquet_data_set
from canforget.errors import DataError, SpecError

PIXELS = numpy.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), dtype=numpy.uint8)
LABELS = [0, 1, 2] * 4
NAMES = ["cat", "dog", "owl"]


@pytest.fixture
def files(tmp_path: Path, write_parquet: Any, png: Any) -> Any:
    """Two training files and one test file."""
    encoded = [png(x) for x in PIXELS]
    train = [write_parquet(tmp_path / f"train-{i}.parquet", encoded[4 * i : 4 * i + 4], LABELS[4 * i : 4 * i + 4], NAMES) for i in (0, 1)]
    return train, [write_parquet(tmp_path / "test-0.parquet", encoded[8:], LABELS[8:], NAMES)]


def opened(files: Sequence[Any], **layout: Any) -> Any:
    train, test = files
    return parquet_data_set("toy", train, test, Layout(**layout))


def test_rows_come_back_in_order_over_all_files(files: Any) -> None:
    """Labels are read without images: the two must agree about the order."""
    data = opened(files)
    train, test = data.pixels()
    assert numpy.array_equal(numpy.concatenate([train, test]), PIXELS.transpose(0, 3, 1, 2))
    assert numpy.concatenate([data.train.labels, data.test.labels]).tolist() == LABELS
    assert numpy.concatenate([data.train.ids, data.test.ids]).tolist() == list(range(12))
    assert (data.classes, data.image_shape) == (tuple(NAMES), (3, 5, 4))


def test_labels_are_known_without_decoding_any_image(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    """Planning must be instant, and a damaged image late in the file is found when it is decoded."""
    file = write_parquet(tmp_path / "a.parquet", [png(PIXELS[0]), b"no image"], [0, 1])
    data = opened(([file], [file]))
    assert data.train.labels.tolist() == [0, 1]
    with pytest.raises(DataError, match=r"a\.parquet: row 1: cannot be read as an image: no known image format"):
        data.pixels()


def test_the_fingerprint_follows_pixels_labels_and_how_they_are_read(files: Any, tmp_path: Path, write_parquet: Any, png: Any) -> None:
    """Results of one size of image must not be taken for those of another; those of a copy must."""
    known = opened(files).fingerprint
    copies = [[tmp_path / f"copy-{f.name}" for f in part] for part in files]
    for part, copied in zip(files, copies, strict=True):
        for file, copy in zip(part, copied, strict=True):
            copy.write_bytes(file.read_bytes())
    assert opened(copies).fingerprint == known
    assert len({known, opened(files, size=4).fingerprint, opened(files, channels=1).fingerprint}) == 3
    write_parquet(copies[1][0], [png(x) for x in PIXELS[8:]], [0, 0, 0, 0], NAMES)
    assert opened(copies).fingerprint != known


def test_without_test_files_a_stratified_part_is_the_test_set(files: Any) -> None:
    """Data sets such as faces of few people come without one."""
    whole_only: tuple[Any, Any] = [*files[0], *files[1]], []
    data = opened(whole_only, test_fraction=0.25)
    train, test = data.pixels()
    assert (len(data.train), len(data.test)) == (9, 3)
    assert sorted(data.test.labels.tolist()) == [0, 1, 2]
    whole = PIXELS.transpose(0, 3, 1, 2)
    for x, label in zip([*train, *test], [*data.train.labels, *data.test.labels], strict=True):
        (row,) = [i for i in range(12) if numpy.array_equal(whole[i], x)]
        assert LABELS[row] == label
    assert opened(whole_only, test_fraction=0.5).fingerprint != data.fingerprint
    with pytest.raises(SpecError, match=r"toy: test_fraction=1\.5"):
        opened(whole_only, test_fraction=1.5)


def test_classes_without_names_are_numbers(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    file = write_parquet(tmp_path / "a.parquet", [png(x) for x in PIXELS[:3]], [0, 2, 2])
    assert opened(([file], [file])).classes == ("0", "1", "2")


def test_plain_bytes_are_read_as_well_as_bytes_with_a_path(tmp_path: Path, png: Any) -> None:
    """Both occur; Hugging Face's own reader takes both."""
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(pyarrow.table({"img": [png(PIXELS[0])] * 2, "fine_label": [0, 1]}), tmp_path / "a.parquet")
    train, _ = opened(([tmp_path / "a.parquet"], [tmp_path / "a.parquet"])).pixels()
    assert numpy.array_equal(train[1], PIXELS[0].transpose(2, 0, 1))


def test_images_of_mixed_sizes_need_a_size(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    file = write_parquet(tmp_path / "a.parquet", [png(PIXELS[0]), png(PIXELS[1][:4])], [0, 1])
    with pytest.raises(DataError, match=r"a\.parquet: row 1: 4 x 4 pixels where others have 4 x 5; pass size="):
        opened(([file], [file])).pixels()
    assert opened(([file], [file]), size=8).pixels()[0].shape == (2, 3, 8, 8)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 3], NAMES, "row 1: label 3 in column 'label' is out of range 0 to 2"),
        ([0, -1], NAMES, "row 1: label -1 in column 'label' is out of range 0 to 2"),
        ([0, 10**9], None, "row 1: label 1000000000 in column 'label' is out of range 0 to 1"),
        ([None, 1], NAMES, "row 0: no label in column 'label'"),
        ([0.0, 1.0], None, "column 'label' holds double, not class numbers or names; name another column, or write whole numbers"),
        ([True, False], None, "column 'label' holds bool, not class numbers or names"),
        (["cat", "cow"], NAMES, "row 1: label 'cow' is no class; did you mean 'owl'?"),
    ],
)
def test_a_label_that_is_no_class_is_one_line_with_file_and_row(
    tmp_path: Path, write_parquet: Any, png: Any, labels: Any, names: Any, message: Any
) -> None:
    """A label out of range crashes the loss on a GPU without saying where; a missing one becomes a NaN, then a class."""
    file = write_parquet(tmp_path / "a.parquet", [png(x) for x in PIXELS[:2]], labels, names)
    with pytest.raises(DataError) as caught:
        opened(([file], [file]))
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_a_test_label_that_no_training_image_has_is_out_of_range(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    train = write_parquet(tmp_path / "a.parquet", [png(x) for x in PIXELS[:2]], [0, 1])
    test = write_parquet(tmp_path / "b.parquet", [png(x) for x in PIXELS[:2]], [0, 2])
    with pytest.raises(DataError, match=r"b\.parquet: row 1: label 2"):
        opened(([train], [test]))


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            {"images": ("imag",)},
            "no column 'imag'; did you mean 'image'? (it has: image (struct<bytes: binary, path: null>), label (int64))",
        ),
        ({"labels": ("class",)}, "no column 'class' (it has: image (struct"),
        ({"images": ("bytes",)}, "no column 'bytes'; it lies inside 'image': write it as a column of its own"),
        ({"names": "file"}, "no column 'file'"),
        ({"names": "label"}, "column 'label' holds int64, not file names"),
        ({"classes": ("cat", "dog")}, "row 2: label 2 in column 'label' is out of range 0 to 1"),
        ({"images": ("label",)}, "column 'label' holds int64, not bytes of image files"),
    ],
)
def test_a_column_that_is_missing_or_of_another_kind_is_named(files: Any, layout: Any, message: Any) -> None:
    with pytest.raises(DataError) as caught:
        opened(files, **layout)
    assert message in str(caught.value)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_file_cut_short_is_one_line_that_names_it(files: Any, keep: Any) -> None:
    """The most frequent damage: a download that broke off."""
    cut = files[0][1]
    cut.write_bytes(cut.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train-1\.parquet: not a whole Parquet file .*download it again") as caught:
        opened(files)
    assert "\n" not in str(caught.value)


def test_a_file_damaged_in_its_middle_is_named(files: Any) -> None:
    """The footer is whole: only reading the pages finds it."""
    raw = bytearray(files[0][1].read_bytes())
    raw[4:60] = b"\xff" * 56
    files[0][1].write_bytes(raw)
    with pytest.raises(DataError, match=r"train-1\.parquet"):
        opened(files).pixels()


def test_labels_that_are_words_are_classes_in_the_order_of_their_letters(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    """Many files hold the class's name and no number; pandas writes it as a dictionary."""
    import pyarrow
    from pyarrow.parquet import write_table

    images = [png(x) for x in PIXELS[:3]]
    train = write_parquet(tmp_path / "a.parquet", images, ["owl", "cat", "owl"])
    write_table(pyarrow.table({"image": images[:2], "label": pyarrow.array(["cat", "owl"]).dictionary_encode()}), tmp_path / "b.parquet")
    data = opened(([train], [tmp_path / "b.parquet"]))
    assert (data.classes, data.train.labels.tolist(), data.test.labels.tolist()) == (("cat", "owl"), [1, 0, 1], [0, 1])
    assert opened(([train], [train]), classes=("owl", "cat")).train.labels.tolist() == [0, 1, 0]
    assert opened(([train], [train]), classes=("owl", "cat")).fingerprint != opened(([train], [train])).fingerprint


def test_words_in_one_file_and_numbers_in_another_are_refused(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    train = [write_parquet(tmp_path / f"{i}.parquet", [png(PIXELS[0])], labels) for i, labels in enumerate(([0], ["cat"]))]
    with pytest.raises(DataError, match="holds words in some files and numbers in others"):
        opened((train, train))


def test_files_that_number_their_classes_in_another_order_are_refused(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    """A test set in another order of classes gives an accuracy near zero, and no error."""
    train, test = (
        write_parquet(tmp_path / f"{n[0]}.parquet", [png(x) for x in PIXELS[:2]], [0, 1], n) for n in (["cat", "dog"], ["dog", "cat"])
    )
    with pytest.raises(DataError, match=r"dog\.parquet: names other classes than .*cat\.parquet, or in another order"):
        opened(([train], [test]))


def test_file_names_come_from_the_paths_beside_the_bytes_or_from_a_column(tmp_path: Path, png: Any) -> None:
    """A request to forget names files."""
    import pyarrow
    from pyarrow.parquet import write_table

    rows = [{"bytes": png(x), "path": p} for x, p in zip(PIXELS[:3], ["a/1.png", None, "b/1.png"], strict=True)]
    write_table(pyarrow.table({"image": rows, "label": [0, 1, 1], "file": ["x", "y", "z"]}), tmp_path / "a.parquet")
    files = [tmp_path / "a.parquet"], [tmp_path / "a.parquet"]
    assert opened(files).train.names.tolist() == ["a/1.png", "", "b/1.png"]
    assert opened(files, names="file").test.names.tolist() == ["x", "y", "z"]
    assert opened(files, names="file").fingerprint == opened(files).fingerprint
    cut = opened((files[0], []), test_fraction=0.3)
    assert {*cut.train.names, *cut.test.names} == {"a/1.png", "", "b/1.png"}


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("cats/1.png", "holds string, not bytes of image files; where these are paths, write the files' bytes, or use image_folder"),
        ([[0, 1], [2, 3]], "holds list<element: list<element: int64>>, not bytes of image files; encode each image"),
        ({"path": "cats/1.png"}, "holds struct<path: string>, not bytes of image files; encode each image"),
        (0.5, "holds double, not bytes of image files; name the column of the images"),
    ],
)
def test_a_column_of_something_else_than_encoded_images_is_one_line(tmp_path: Path, image: Any, message: Any) -> None:
    """Paths, arrays of pixels and tables of these are as frequent as encoded files."""
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(pyarrow.table({"image": [image], "label": [0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError) as caught:
        opened(([tmp_path / "a.parquet"], []))
    assert message in str(caught.value)


def test_two_columns_of_one_name_are_refused(tmp_path: Path, png: Any) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(
        pyarrow.Table.from_arrays([pyarrow.array([png(PIXELS[0])]), *[pyarrow.array([0])] * 2], ["image", "label", "label"]), tmp_path / "a"
    )
    with pytest.raises(DataError, match="two columns are called 'label'"):
        opened(([tmp_path / "a"], []))


def test_rows_without_image_bytes_and_files_without_rows_are_named(tmp_path: Path, write_parquet: Any, png: Any) -> None:
    """Hugging Face may keep paths in place of bytes."""
    file = write_parquet(tmp_path / "a.parquet", [png(PIXELS[0]), None], [0, 1])
    with pytest.raises(DataError, match=r"a\.parquet: row 1: no image bytes in column 'image'"):
        opened(([file], [file])).pixels()
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(pyarrow.table({"image": pyarrow.array([], pyarrow.binary()), "label": pyarrow.array([], pyarrow.int64())}), file)
    with pytest.raises(DataError, match=r"a\.parquet: no rows"):
        opened(([file], [file]))


def test_metadata_that_cannot_be_understood_is_named(tmp_path: Path, png: Any) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    table = pyarrow.table({"image": [png(PIXELS[0])], "label": [0]}).replace_schema_metadata({"huggingface": "{"})
    write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="the metadata 'huggingface' cannot be understood"):
        opened(([tmp_path / "a.parquet"], []))


@pytest.mark.parametrize(
    ("names", "found"),
    [(["cat", "dog"], ("cat", "dog")), ({"0": "cat", "1": "dog"}, ("cat", "dog")), ([], ()), (None, None), ("cat", None), ([None], None),
     ({"1": "cat"}, None), (["cat", "cat"], None), (3, None)],
)  # fmt: skip
def test_class_names_are_a_list_or_a_table_from_number_to_name(names: Any, found: Any) -> None:
    """A word taken for a list of its letters, or a table for a list of its keys, gives classes that nobody named."""
    metadata = json.dumps({"info": {"features": {"label": {"names": names}}}}).encode()
    if found is not None:
        assert names_in(metadata, "label", "a.parquet") == found
        return
    with pytest.raises(DataError, match=r"^a\.parquet: (the metadata 'huggingface'|two classes are called 'cat')"):
        names_in(metadata, "label", "a.parquet")


def tables(values: Any) -> Any:
    return st.dictionaries(st.sampled_from(["info", "features", "label", "names", "0", "1", ""]), values, max_size=4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda x: st.lists(x, max_size=3) | tables(x), max_leaves=12
)


def refusal(read: Any) -> Any:
    """What a reader says when it refuses, or nothing."""
    try:
        read()
    except DataError as problem:
        return str(problem)
    return ""


@given(st.binary(max_size=40) | JSON.map(lambda x: json.dumps(x).encode()) | st.integers(1, 10**5).map(lambda n: b"[" * n))
@example(b'{"info": {"features": {"label": {"names": {"0": [], "1": 0}}}}}')
def test_whatever_the_metadata_class_names_are_read_or_refused_in_one_line(metadata: Any) -> None:
    """Whoever wrote the file wrote its metadata too."""
    said = refusal(lambda: names_in(metadata, "label", "a.parquet"))
    if said:
        assert said.startswith("a.parquet: ")
        assert "\n" not in said
        return
    names = names_in(metadata, "label", "a.parquet")
    assert len(set(names)) == len(names)
    assert all(isinstance(n, str) for n in names)
