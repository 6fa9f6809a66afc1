from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.datasets.image_folder import image_folder
from canforget.errors import DataError, SpecError
from tests.narrowed import present

CLASSES = ("ant", "bee")


def fill(folder: Any, png: Any, count: Any = 5, classes: Any = CLASSES) -> None:
    """In each class `count` grey images whose brightness tells class and number."""
    for c, name in enumerate(classes):
        (folder / name / "deeper").mkdir(parents=True)
        for i in range(count):
            place = folder / name / ("deeper" if i % 2 else ".")
            (place / f"{i}.PNG").write_bytes(png(numpy.full((10 + i, 8), 100 * c + i)))


def test_a_stratified_part_is_the_test_set_where_there_is_none(tmp_path: Path, png: Any) -> None:
    """Labels, ids and pixels go separate ways through the split and must meet again."""
    fill(tmp_path, png)
    (tmp_path / "ant/notes.txt").write_text("no image")
    (tmp_path / "ant/._0.png").write_text("what some systems leave beside a file")
    data = image_folder(data_dir=tmp_path, size=4)
    train, test = data.pixels()
    assert (len(data.train), len(data.test), data.classes, data.image_shape) == (8, 2, CLASSES, (1, 4, 4))
    assert (train[:, 0, 0, 0] // 100).tolist() == data.train.labels.tolist()
    assert (test[:, 0, 0, 0] // 100).tolist() == data.test.labels.tolist() == [0, 1]
    assert sorted(numpy.concatenate([train, test])[:, 0, 0, 0].tolist()) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]


def test_train_and_test_folders_are_kept_apart(tmp_path: Path, png: Any) -> None:
    fill(tmp_path / "train", png)
    fill(tmp_path / "test", png, count=1)
    data = image_folder(data_dir=tmp_path.parent, folder=tmp_path.name, size=4)
    assert (len(data.train), len(data.test)) == (10, 2)
    assert data.pixels()[1][:, 0, 0, 0].tolist() == [0, 100]


def test_the_fingerprint_follows_names_bytes_and_size(tmp_path: Path, png: Any) -> None:
    """An image moved to another class is another data set, though no byte changed."""
    fill(tmp_path / "a", png)
    fill(tmp_path / "b", png)
    one, two = (image_folder(data_dir=tmp_path / p, size=4) for p in "ab")
    assert one.fingerprint == two.fingerprint != image_folder(data_dir=tmp_path / "a", size=5).fingerprint
    (tmp_path / "b/ant/0.PNG").rename(tmp_path / "b/bee/9.PNG")
    assert image_folder(data_dir=tmp_path / "b", size=4).fingerprint != one.fingerprint


def test_a_corrupt_image_is_one_line_that_names_the_file(tmp_path: Path, png: Any) -> None:
    fill(tmp_path, png)
    bad = tmp_path / "bee/0.PNG"
    bad.write_bytes(png(numpy.random.default_rng(0).integers(0, 256, (40, 40)))[:900])
    with pytest.raises(DataError, match=r"bee/0\.PNG: the image is damaged.*mend or remove it") as caught:
        image_folder(data_dir=tmp_path, size=4).pixels()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ((), "holds no folders"),
        (("ant",), "holds only ant; it needs a folder per class"),
        (("train", "val"), "holds only train, val; it needs"),
    ],
)
def test_a_folder_without_classes_is_refused(tmp_path: Path, folders: Any, message: Any) -> None:
    """train/ and val/ taken for two classes would train to a perfect nonsense."""
    for folder in folders:
        (tmp_path / folder / "x").mkdir(parents=True)
    with pytest.raises(DataError, match=message):
        image_folder(data_dir=tmp_path)


def test_classes_that_lack_images_or_are_only_tested_on_are_named(tmp_path: Path, png: Any) -> None:
    fill(tmp_path / "train", png)
    fill(tmp_path / "test", png, classes=("ant", "cow"))
    with pytest.raises(DataError, match="cow is no class of train/"):
        image_folder(data_dir=tmp_path)
    (tmp_path / "train/cow").mkdir()
    with pytest.raises(DataError, match=r"train/cow holds no images \(\.png"):
        image_folder(data_dir=tmp_path)


def test_a_folder_or_fraction_that_cannot_be_is_refused(tmp_path: Path, png: Any) -> None:
    with pytest.raises(DataError, match="folder .*gone is not there"):
        image_folder(data_dir=tmp_path, folder="gone")
    with pytest.raises(SpecError, match="test_fraction=20"):
        image_folder(data_dir=tmp_path, test_fraction=20)


def test_hidden_files_and_folders_are_left_out_at_every_depth(tmp_path: Path, png: Any) -> None:
    """Thumbnails, checkpoints of notebooks and what archives of a Mac hold are no photographs of the class."""
    fill(tmp_path, png)
    for place in ("ant/.thumbs", "ant/deeper/.cache", ".git/x", "__MACOSX/ant", "bee/@eaDir"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "9.png").write_bytes(png(numpy.zeros((8, 8))))
    data = image_folder(data_dir=tmp_path, size=4)
    assert (data.classes, len(data.train) + len(data.test)) == (CLASSES, 10)


def test_images_carry_their_paths_within_the_data_set(tmp_path: Path, png: Any) -> None:
    """A request speaks of files; whether train/ stands before them depends on the folder, not on the image."""
    fill(tmp_path / "plain", png)
    data = image_folder(data_dir=tmp_path, folder="plain", size=4)
    assert sorted([*present(data.train.names), *present(data.test.names)]) == sorted(
        f"{c}/{'deeper/' * (i % 2)}{i}.PNG" for c in CLASSES for i in range(5)
    )
    shown = [*data.pixels()[0][:, 0, 0, 0]]
    assert [100 * CLASSES.index(n.split("/")[0]) + int(n[-5]) for n in present(data.train.names)] == shown
    fill(tmp_path / "parted/train", png)
    fill(tmp_path / "parted/test", png, count=1)
    data = image_folder(data_dir=tmp_path, folder="parted", size=4)
    assert (present(data.train.names)[0], list(present(data.test.names)), data.root) == (
        "ant/0.PNG",
        ["ant/0.PNG", "bee/0.PNG"],
        tmp_path / "parted",
    )


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("ant/1.heic", r"ant/1\.heic: \.heic images are not read; convert it, as to PNG, or remove it"),
        ("1.png", r"1\.png lies in no class; move it into the folder of one, or remove it"),
        ("ant/bad\nname.png", r"ant / bad\\nname\.png: the name holds what is no letter"),
    ],
)
def test_an_image_that_would_be_left_out_is_named(tmp_path: Path, png: Any, place: Any, message: Any) -> None:
    """Ten photographs of a phone among fifty others, gone without a word."""
    fill(tmp_path, png)
    (tmp_path / place).write_bytes(png(numpy.zeros((8, 8))))
    with pytest.raises(DataError, match=message) as caught:
        image_folder(data_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_links_to_nothing_and_to_folders_are_named(tmp_path: Path, png: Any) -> None:
    """A disk that is not mounted is not a smaller data set."""
    fill(tmp_path, png)
    (tmp_path / "ant/9.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"ant/9\.png is no file, or a link to nothing"):
        image_folder(data_dir=tmp_path)
    (tmp_path / "ant/9.png").unlink()
    (tmp_path / "ant/more").symlink_to(tmp_path / "bee")
    with pytest.raises(DataError, match="ant/more is a link to a folder, which is not followed"):
        image_folder(data_dir=tmp_path)


def test_a_part_without_images_is_refused(tmp_path: Path, png: Any) -> None:
    """No test image gives no accuracy, and the reason would be found after the training."""
    fill(tmp_path / "a", png, count=1)
    with pytest.raises(DataError, match=r"the test part has no images; add some, or have another test_fraction= cut off"):
        image_folder(data_dir=tmp_path / "a")
    fill(tmp_path / "b/train", png)
    (tmp_path / "b/test").mkdir()
    with pytest.raises(DataError, match="the test part has no images"):
        image_folder(data_dir=tmp_path / "b")
