"""Bad images, folders, Parquet files and requests: each is one line that names the thing and the way out, and nothing is written.

A row is what makes the files in an empty folder, the command line (DATA is the folder) and words that the line must hold.
"""

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.cli.app import main

PIXELS = numpy.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=numpy.uint8)


def encoded(pixels: Any = PIXELS, kind: Any = "PNG", mode: Any = None, **options: Any) -> Any:
    """An image file's bytes."""
    from PIL import Image

    image, file = Image.fromarray(pixels), io.BytesIO()
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


GOOD = encoded()
GREY = encoded(PIXELS[..., 0])
DEEP = encoded(PIXELS[..., 0].astype(numpy.uint16) * 9)


def put(files: Any) -> Any:
    """Writes files by their path; a value of None makes a folder."""

    def make(folder: Any) -> None:
        for name, content in files.items():
            path = folder / name
            (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
            if content is not None:
                path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def pets(changes: Any = None, classes: Any = ("ant", "bee"), root: Any = "pets", count: Any = 10) -> Any:
    """A good folder of two classes with some files changed or added; None removes one."""
    files = {f"{root}/{c}/{i}.png": GOOD for c in classes for i in range(count)} | {f"{root}/{n}": f for n, f in (changes or {}).items()}
    return put({name: content for name, content in files.items() if content is not None})


def parted(changes: Any = None) -> Any:
    """A good folder with train/ and test/, with some files changed or added."""
    files = {f"pets/{p}/{c}/{i}.png": GOOD for p in ("train", "test") for c in ("ant", "bee") for i in range(6)}
    return put(files | {f"pets/{n}": f for n, f in (changes or {}).items()})


def rows(name: Any = "pets/train-0.parquet", metadata: Any = None, **columns: Any) -> Any:
    """A Parquet file of these columns; by default ten good images of two classes."""

    def make(folder: Any) -> None:
        import pyarrow
        from pyarrow.parquet import write_table

        table = pyarrow.table(columns or {"image": [GOOD] * 10, "label": [0, 1] * 5})
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(table if metadata is None else table.replace_schema_metadata({"huggingface": metadata}), path)

    return make


def cut(name: Any, keep: Any) -> Any:
    """Cuts a file to a part of its length."""

    def make(folder: Any) -> None:
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: int(keep * len(raw))])

    return make


def link(name: Any, target: Any) -> Any:
    """A symbolic link."""
    return lambda folder: (folder / name).symlink_to(folder / target)


def names_of(classes: Any) -> Any:
    """The metadata that Hugging Face writes for a column of labels."""
    return json.dumps({"info": {"features": {"label": {"names": classes, "_type": "ClassLabel"}}}})


def planned(dataset: Any, scenario: Any = "whole_class:classes=0") -> Any:
    """Planning one study."""
    return ["plan", "--datasets", dataset, "--models", "tiny_cnn", "--scenarios", scenario, "--unlearners", "scrub", "--data-dir", "DATA"]


def trained(dataset: Any, *more: Any) -> Any:
    """Training one model, which reads every image."""
    return [
        "train",
        "--model",
        "tiny_cnn",
        "--dataset",
        dataset,
        "--data-dir",
        "DATA",
        "--fit",
        "epochs=1",
        "--out",
        "DATA/out.safetensors",
        *more,
    ]


FOLDER, PARQUET, TEN = "image_folder:folder=pets", "parquet:folder=pets", [0, 1] * 5
asks = partial(planned, FOLDER, "ids:file=DATA/request.txt")
ROWS = [
    # folders of images
    ("no folder", [put({})], planned(FOLDER), "pets is not there; pass another folder="),
    ("a file for a folder", [put({"pets": "x"})], planned(FOLDER), "pets is a file; pass another folder="),
    ("an empty folder", [put({"pets": None})], planned(FOLDER), "holds no folders; it needs a folder per class"),
    ("images without classes", [put({"pets/1.png": GOOD, "pets/2.png": GOOD})], planned(FOLDER), "holds no folders; it needs a folder per class"),
    ("one class", [pets(classes=("ant",))], planned(FOLDER), "holds only ant; it needs a folder per class"),
    ("a folder too deep", [pets(root="pets/images")], planned(FOLDER), "holds only images"),
    ("train without test", [pets(root="pets/train"), put({"pets/val/ant/1.png": GOOD})], planned(FOLDER), "holds only train, val"),
    ("Train and Test", [pets(classes=("Train", "Test"))], planned(FOLDER), "holds only Test, Train"),
    ("training and testing", [pets(classes=("training", "testing"))], planned(FOLDER), "holds only testing, training"),
    ("a class without images", [pets(), put({"pets/cow/notes.txt": "x"})], planned(FOLDER), "cow holds no images (.png"),
    ("a class of hidden images", [pets(), put({"pets/cow/.1.png": GOOD})], planned(FOLDER), "cow holds no images (.png"),
    ("a class only tested on", [parted({"test/cow/1.png": GOOD})], planned(FOLDER), "test/cow is no class of train/"),
    ("a class only trained on without images", [parted({"train/cow/x.txt": "x"})], planned(FOLDER), "train/cow holds no images"),
    ("an image beside the classes", [pets({"1.png": GOOD})], planned(FOLDER), "1.png lies in no class; move it"),
    ("an image beside the classes of train", [parted({"train/1.jpg": GOOD})], planned(FOLDER), "train/1.jpg lies in no class"),
    ("an empty test part", [pets(root="pets/train"), put({"pets/test/ant": None})], planned(FOLDER), "the test part has no images"),
    ("too few for a test part", [pets(count=1)], planned(FOLDER), "the test part has no images; add some"),
    ("a photograph of a phone", [pets({"ant/x.HEIC": GOOD})], planned(FOLDER), ".HEIC images are not read; convert it"),
    ("a drawing", [pets({"ant/x.svg": "<svg/>"})], planned(FOLDER), ".svg images are not read; convert it"),
    ("a raw photograph", [pets({"ant/x.nef": GOOD})], planned(FOLDER), ".nef images are not read; convert it"),
    ("arrays", [pets({"ant/x.npy": GOOD})], planned(FOLDER), ".npy images are not read; convert it"),
    ("a link to nothing", [pets(), link("pets/ant/x.png", "gone")], planned(FOLDER), "x.png is no file, or a link to nothing"),
    ("a link to a folder", [pets(), link("pets/ant/x", "pets/bee")], planned(FOLDER), "is a link to a folder, which is not followed"),
    ("a link to itself", [pets(), link("pets/ant/x.png", "pets/ant/x.png")], planned(FOLDER), "x.png is no file, or a link to nothing"),
    ("a name with a line end", [pets({"ant/a\nb.png": GOOD})], planned(FOLDER), r"a\nb.png: the name holds what is no letter"),
    ("a name that is not UTF-8", [pets({"ant/a\udce9.png": GOOD})], planned(FOLDER), "is not UTF-8; rename it"),
    ("no data folder", [put({})], [*planned(FOLDER)[:-1], "DATA/gone"], "there is no directory", "pass another --data-dir"),
    # hyperparameters of folders
    ("size=0", [pets()], planned(f"{FOLDER},size=0"), "image_folder.size: 0 is not int in [1, 4096]"),
    ("size=big", [pets()], planned(f"{FOLDER},size=big"), "image_folder.size: 'big' is not int"),
    ("channels=4", [pets()], planned(f"{FOLDER},channels=4"), "image_folder.channels: ", "is not 1 | 3"),
    ("test_fraction=1", [pets()], planned(f"{FOLDER},test_fraction=1"), "image_folder.test_fraction: 1.0 is not float in (0, 1)"),
    ("test_fraction=nan", [pets()], planned(f"{FOLDER},test_fraction=nan"), "test_fraction"),
    ("a fraction that leaves no test image", [pets()], planned(f"{FOLDER},test_fraction=0.01"), "the test part has no images"),
    ("a hyperparameter it has not", [pets()], planned(f"{FOLDER},sise=32"), "did you mean 'size'?"),
    # images
    ("an empty image", [pets({"ant/3.png": b""})], trained(FOLDER), "3.png: cannot be read as an image"),
    ("text for an image", [pets({"bee/3.png": "<html>not found</html>"})], trained(FOLDER), "3.png: cannot be read as an image: no known"),
    ("a drawing called PNG", [pets({"bee/3.png": "<svg/>"})], trained(FOLDER), "3.png: cannot be read as an image: no known"),
    ("16 bits", [pets({"bee/3.png": DEEP})], trained(FOLDER), "3.png: an image of more than 8 bits", "convert it to 8 bits"),
    ("16 bits, the first", [pets({"ant/0.png": DEEP})], planned(FOLDER), "0.png: an image of more than 8 bits", "convert it to 8 bits"),
    ("floats", [pets({"bee/x.tif": encoded(PIXELS[..., 0], "TIFF", "F")})], trained(FOLDER), "x.tif: an image of more than 8 bits"),
    ("LAB", [pets({"bee/x.tif": encoded(PIXELS, "TIFF", "LAB")})], trained(FOLDER), "x.tif: an image in the color space LAB; convert it"),
    ("a grey image among color", [pets({"bee/3.png": GREY})], trained(FOLDER), "a grey image among color ones; pass channels=3"),
    ("a color image among grey", [pets({"ant/0.png": GREY})], trained(FOLDER), "a color image among grey ones; pass channels=3"),
    *[
        (f"{kind} cut at {part}", [pets(), put({f"pets/ant/x.{end}": encoded(kind=kind)}), cut(f"pets/ant/x.{end}", part)], trained(FOLDER),
         f"x.{end}: ", "mend or remove it")
        for kind, end in (("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("WEBP", "webp"), ("BMP", "bmp"), ("TIFF", "tif"), ("PPM", "ppm"))
        for part in (0.2, 0.8)
    ],
    # requests
    ("no request", [pets()], asks(), "request.txt: cannot be read as a text file"),
    ("a folder for a request", [pets(), put({"request.txt": None})], asks(), "request.txt: cannot be read as a text file"),
    ("an image for a request", [pets(), put({"request.txt": GOOD})], asks(), "cannot be read as a text file of file names or ids"),
    ("an empty request", [pets(), put({"request.txt": ""})], asks(), "the forget set is empty"),
    ("comments alone", [pets(), put({"request.txt": "# a\n  # b\n\n"})], asks(), "the forget set is empty"),
    ("a byte-order mark alone", [pets(), put({"request.txt": b"\xef\xbb\xbf\r\n"})], asks(), "the forget set is empty"),
    ("an unknown name", [pets(), put({"request.txt": "ant/33.png"})], asks(), "request.txt:1: no image 'ant/33.png'; did you mean 'ant/3.png'?"),
    ("a name in other letters", [pets(), put({"request.txt": "\nAnt/3.PNG"})], asks(), "request.txt:2: no image 'Ant/3.PNG'; did you mean"),
    ("a name of another folder", [pets(), put({"request.txt": "/x/dogs/ant/3.png"})], asks(), "did you mean 'ant/3.png'?"),
    ("a name like none", [pets(), put({"request.txt": "????"})], asks(), "no image '????'; names are paths within the data set, as in"),
    ("several unknown names", [pets(), put({"request.txt": "x1\nx2\nx3"})], asks(), "request.txt:1: no image 'x1'", "(2 more lines name none)"),
    ("names in a row", [pets(), put({"request.txt": "ant/1.png,ant/2.png"})], asks(), "no image 'ant/1.png,ant/2.png'; did you mean"),
    ("a line of a table", [pets(), put({"request.txt": "file,label\nant/1.png,0"})], asks(), "request.txt:1: no image 'file,label'"),
    ("an ambiguous name", [pets(), put({"request.txt": "3.png"})], asks(), "'3.png' may be ", "ant/3.png (id", "bee/3.png (id", "write one of these paths"),
    ("train or test", [parted(), put({"request.txt": "ant/3.png"})], asks(), "'ant/3.png' may be train/ant/3.png", "or", "test/ant/3.png"),
    ("a test image", [parted(), put({"request.txt": "test/ant/3.png"})], asks(), "lie in the test part and are not trained on", "untrained=skip"),
    ("every image", [pets(), put({"request.txt": "\n".join(map(str, range(16)))})], asks(), "lie in the validation part", "untrained=skip"),
    ("every trained image", [pets(), put({"request.txt": "\n".join(map(str, range(16)))})], planned(FOLDER, "ids:file=DATA/request.txt,untrained=skip"),
     "the forget set is the whole training set"),
    ("an id too large", [pets(), put({"request.txt": "20"})], asks(), "request.txt:1: no image has the id 20; ids are 0 to 19"),
    ("a negative id", [pets(), put({"request.txt": "-1"})], asks(), "request.txt:1: no image has the id -1"),
    ("an id of 30 digits", [pets(), put({"request.txt": "9" * 30})], asks(), "request.txt:1: no image '999999"),
    ("a very long line", [pets(), put({"request.txt": "x" * 100_000})], asks(), "request.txt:1: no image 'xxxxx"),
    ("a name where there are none", [put({"request.txt": "a.png"})], planned("digits", "ids:file=DATA/request.txt"), "'a.png' is no id, and these"),
    ("no file named", [pets()], planned(FOLDER, "ids"), "ids: 'file' is required", "write ids:file="),
    ("untrained=drop", [pets()], planned(FOLDER, "ids:file=x,untrained=drop"), "ids.untrained: 'drop' is not refuse | skip"),
    ("an unlearner with an unknown name", [pets(), put({"request.txt": "ant/33.png"})],
     trained(FOLDER, "--retrain", "--scenario", "ids:file=DATA/request.txt"), "request.txt:1: no image 'ant/33.png'"),
    # Parquet files
    ("no Parquet file", [put({"pets": None})], planned(PARQUET), "parquet: no file", "pass another folder=, train_files= or --data-dir"),
    ("other file names", [rows("pets/0000.parquet")], planned(PARQUET), "pass train_files=, as in train_files=0000.parquet"),
    ("a file for a folder of Parquet", [rows("pets")], planned(PARQUET), "folder=pets is a file; pass its folder"),
    ("a pattern from the root", [rows()], planned(f"{PARQUET},train_files=/x/*"), "'/x/*' is no pattern of files"),
    ("train is test", [rows()], planned(f"{PARQUET},test_files=*.parquet"), "matches train_files and test_files"),
    ("an empty Parquet file", [put({"pets/train-0.parquet": ""})], planned(PARQUET), "not a whole Parquet file", "download it again"),
    ("text for a Parquet file", [put({"pets/train-0.parquet": "a,b\n1,2"})], planned(PARQUET), "not a whole Parquet file"),
    ("half a Parquet file", [rows(), cut("pets/train-0.parquet", 0.5)], planned(PARQUET), "not a whole Parquet file"),
    ("no rows", [rows(image=[], label=[])], planned(PARQUET), "train-0.parquet: "),
    ("no image column", [rows(photo=[GOOD] * 10, label=TEN)], planned(PARQUET), "no column 'image' (it has: photo (binary), label (int64))"),
    ("an image column of another name", [rows(images=[GOOD] * 10, label=TEN)], planned(PARQUET), "no column 'image'; did you mean 'images'?"),
    ("no label column", [rows(image=[GOOD] * 10, species=TEN)], planned(PARQUET), "no column 'label' (it has: image (binary), species (int64))"),
    ("columns within a column", [rows(sample=[{"image": GOOD, "label": 0}] * 10)], planned(PARQUET), "it lies inside 'sample'"),
    ("labels that are fractions", [rows(image=[GOOD] * 10, label=[0.5] * 10)], planned(PARQUET), "holds double, not class numbers or names"),
    ("labels that are lists", [rows(image=[GOOD] * 10, label=[[0]] * 10)], planned(PARQUET), "holds list", "not class numbers or names"),
    ("labels that are truths", [rows(image=[GOOD] * 10, label=[True] * 10)], planned(PARQUET), "holds bool, not class numbers or names"),
    ("labels that are times", [rows(image=[GOOD] * 10, label=numpy.array(["2020-01-01"] * 10, "datetime64[s]"))], planned(PARQUET), "holds timestamp"),
    ("a missing label", [rows(image=[GOOD] * 10, label=[0, None] * 5)], planned(PARQUET), "row 1: no label in column 'label'"),
    ("a negative label", [rows(image=[GOOD] * 10, label=[0, -1] * 5)], planned(PARQUET), "row 1: label -1 in column 'label' is out of range"),
    ("a label beyond the names", [rows(metadata=names_of(["cat"]))], planned(PARQUET), "row 1: label 1 in column 'label' is out of range 0 to 0"),
    ("a label beyond the user's names", [rows()], planned(f"{PARQUET},classes=cat"), "row 1: label 1 in column 'label' is out of range 0 to 0"),
    ("names given twice", [rows()], planned(f"{PARQUET},classes=cat,cat"), "two classes are called 'cat'"),
    ("metadata that is no JSON", [rows(metadata="{")], planned(PARQUET), "the metadata 'huggingface' cannot be understood"),
    ("names that are a word", [rows(metadata=names_of("cat"))], planned(PARQUET), "has no list of class names for 'label'; pass classes="),
    ("names that are missing", [rows(metadata=names_of(["cat", None]))], planned(PARQUET), "has no list of class names for 'label'"),
    ("names twice in the metadata", [rows(metadata=names_of(["cat", "cat"]))], planned(PARQUET), "two classes are called 'cat'"),
    ("other names for the test part", [rows(metadata=names_of(["a", "b"])), rows("pets/test-0.parquet", names_of(["b", "a"]))], planned(PARQUET),
     "test-0.parquet: names other classes than", "or in another order"),
    ("a word that is no class of training", [rows(image=[GOOD] * 10, label=["a", "b"] * 5), rows("pets/test-0.parquet", image=[GOOD], label=["c"])],
     planned(PARQUET), "test-0.parquet: row 0: label 'c' is no class"),
    ("a number that is no class of training", [rows(), rows("pets/test-0.parquet", image=[GOOD], label=[2])], planned(PARQUET), "row 0: label 2"),
    ("words and numbers", [rows(), rows("pets/train-1.parquet", image=[GOOD], label=["c"])], planned(PARQUET), "words in some files and numbers in"),
    ("paths for images", [rows(image=["a/1.png"] * 10, label=TEN)], planned(PARQUET), "holds string, not bytes of image files", "use image_folder"),
    ("arrays for images", [rows(image=[[[0, 1], [2, 3]]] * 10, label=TEN)], planned(PARQUET), "holds list<", "encode each image"),
    ("numbers for images", [rows(image=TEN, label=TEN)], planned(PARQUET), "holds int64, not bytes of image files; name the column"),
    ("a path without bytes", [rows(image=[{"bytes": None, "path": "a/1.png"}] * 9 + [{"bytes": GOOD, "path": ""}], label=TEN)], planned(PARQUET),
     "row 0: no image bytes in column 'image', only the path 'a/1.png'"),
    ("a missing image", [rows(image=[GOOD] * 9 + [None], label=TEN)], trained(f"{PARQUET},size=8"), "row 9: no image bytes in column 'image'"),
    ("empty bytes", [rows(image=[GOOD] * 9 + [b""], label=TEN)], trained(f"{PARQUET},size=8"), "row 9: no image bytes"),
    ("bytes that are no image", [rows(image=[GOOD] * 9 + [b"x"], label=TEN)], trained(f"{PARQUET},size=8"), "row 9: cannot be read as an image"),
    ("an image cut short", [rows(image=[GOOD] * 9 + [GOOD[:900]], label=TEN)], trained(f"{PARQUET},size=8"), "row 9: the image is damaged"),
    ("images of mixed sizes", [rows(image=[GOOD] * 9 + [encoded(PIXELS[:20])], label=TEN)], trained(PARQUET), "30 x 20 pixels", "pass size="),
    ("images of mixed channels", [rows(image=[GOOD] * 9 + [GREY], label=TEN)], trained(PARQUET), "row 9: a grey image among color ones; pass channels="),
    ("16 bits in Parquet", [rows(image=[GOOD] * 9 + [DEEP], label=TEN)], trained(PARQUET), "row 9: an image of more than 8 bits"),
    ("no column of names", [rows()], planned(f"{PARQUET},names=file"), "no column 'file' (it has: image"),
    ("names that are numbers", [rows()], planned(f"{PARQUET},names=label"), "column 'label' holds int64, not file names"),
    ("a name where Parquet has none", [rows(), put({"request.txt": "a.png"})], planned(PARQUET, "ids:file=DATA/request.txt"), "'a.png' is no id"),
    ("a name of several rows", [rows(image=[{"bytes": GOOD, "path": "x.png"}] * 10, label=TEN), put({"request.txt": "x.png"})],
     planned(PARQUET, "ids:file=DATA/request.txt"), "'x.png' may be train/x.png (id 0)", "write the id"),
    ("a calibration set too large", [rows(), rows("pets/test-0.parquet")], [*planned(PARQUET), "--set", "calibration=99"],
     "calibration=99: the retain set has", "pass a number from 0 to that"),
]  # fmt: skip


@pytest.mark.parametrize(("makers", "command", "words"), [pytest.param(m, c, w, id=str(name)) for name, m, c, *w in ROWS])
def test_bad_data_is_one_line_that_names_it_and_nothing_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    monkeypatch: pytest.MonkeyPatch,
    makers: Any,
    command: Any,
    words: Any,
) -> None:
    """Whoever meets a traceback, a warning or half a result cannot tell what of it is theirs to mend."""
    monkeypatch.chdir(tmp_path)
    for make in makers:
        make(tmp_path)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as leave:
        main([word.replace("DATA", str(tmp_path)) for word in command])
    said = capsys.readouterr()
    assert (leave.value.code, said.out) == (2, "")
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith("canforget: ")
    assert all(word in said.err for word in words), said.err
    assert set(tmp_path.rglob("*")) == before
    assert not list(recwarn)


def test_the_table_is_as_long_as_promised() -> None:
    assert len(ROWS) >= 120
