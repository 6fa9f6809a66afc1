import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import ArtifactError, StoreError
from canforget.study.store import Store
from canforget.study.store_archive import export_artifacts, import_artifacts

KEY, OTHER = "ab" * 32, "cd" * 32
NAMES = [("split", OTHER), ("train", KEY)]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    found: Any = Store(tmp_path / "store")
    for verb, key in NAMES:
        found.put(verb, key, lambda folder: (folder / "file").write_text("content"), {"verb": verb, "key": key})
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_archive_brings_artifacts_to_another_store_byte_for_byte(store: Store, tmp_path: Path) -> None:
    size = export_artifacts(store, NAMES, tmp_path / "steps.tar")
    assert size == (tmp_path / "steps.tar").stat().st_size
    other = Store(tmp_path / "other")
    found = import_artifacts(other, tmp_path / "steps.tar")
    assert (found.artifacts, found.added) == (2, 2)
    assert files(other.root) == files(store.root)
    assert import_artifacts(other, tmp_path / "steps.tar").added == 0


def test_the_same_artifacts_make_the_same_archive(store: Store, tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        export_artifacts(store, NAMES, tmp_path / name)
        (store.folder(*NAMES[0]) / "file").touch()
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_damaged_artifact_is_not_exported(store: Store, tmp_path: Path) -> None:
    (store.folder(*NAMES[1]) / "file").write_text("contenT")
    with pytest.raises(ArtifactError, match="file is not as it was written; run its study again"):
        export_artifacts(store, NAMES, tmp_path / "steps.tar")
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_a_damaged_artifact_of_the_store_is_replaced_by_the_archives(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_artifacts(store, NAMES, tmp_path / "steps.tar")
    (store.folder(*NAMES[1]) / "file").write_text("contenT")
    assert import_artifacts(store, tmp_path / "steps.tar").added == 1
    assert store.sound(*NAMES[1])
    assert "set aside as" in capsys.readouterr().err


def rewritten(source: Path, target: Path, change: Any) -> Path:
    """An archive with every entry and its content passed through `change`, which returns those to write."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for entry in old:
            content = old.extractfile(entry)
            assert content is not None
            for info, data in change(entry, content.read()):
                info.size = len(data) if info.isreg() else 0
                new.addfile(info, io.BytesIO(data))
    return target


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


PLACE = f"train/ab/{KEY}"
STRANGE = [
    entry("/etc/passwd"), entry("../outside"), entry(f"train/ab/{KEY}/../../../outside"), entry(f"{PLACE}/.hidden"), entry(f"{PLACE}/a/b"),
    entry(f"train/ac/{KEY}/file"), entry(f"damaged/ab/{KEY}/file"), entry(f"{PLACE}/link", tarfile.SYMTYPE, "/etc/passwd"),
    entry(f"{PLACE}/hard", tarfile.LNKTYPE, f"{PLACE}/file"), entry(f"{PLACE}/pipe", tarfile.FIFOTYPE), entry(f"{PLACE}/device", tarfile.CHRTYPE),
    entry(PLACE, tarfile.DIRTYPE), entry("step.json"), entry(f"{PLACE}/file"), entry(f"{PLACE}/more"),
]  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE, ids=lambda e: f"{e.name[-20:]} {e.type.decode()}")
def test_an_entry_that_is_no_file_of_an_artifact_is_refused_and_nothing_imported(store: Store, tmp_path: Path, strange: Any) -> None:
    export_artifacts(store, NAMES, tmp_path / "good.tar")
    extra = [(strange, b"content")]
    archive = rewritten(tmp_path / "good.tar", tmp_path / "bad.tar", lambda e, data: [(e, data), *(extra.pop() for _ in extra[:])])
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(ArtifactError, match="nothing was imported"):
        import_artifacts(Store(tmp_path / "other"), archive)
    assert files(tmp_path / "other") == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "other"])


@pytest.mark.parametrize("name", ["file", "step.json", "step.json.sha256"])
@pytest.mark.parametrize("harm", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:-1], lambda data: b"", None])
def test_an_artifact_that_is_not_as_it_was_written_is_refused_with_all_others(store: Store, tmp_path: Path, name: Any, harm: Any) -> None:
    export_artifacts(store, NAMES, tmp_path / "good.tar")

    def change(e: Any, data: Any) -> Any:
        if e.name == f"{PLACE}/{name}":
            return [(e, harm(data))] if harm else []
        return [(e, data)]

    archive = rewritten(tmp_path / "good.tar", tmp_path / "bad.tar", change)
    with pytest.raises(ArtifactError, match="train abababababab: .*; nothing was imported, export it again"):
        import_artifacts(Store(tmp_path / "other"), archive)
    assert files(tmp_path / "other") == {}


def test_an_artifact_under_the_key_of_another_is_refused(store: Store, tmp_path: Path) -> None:
    """Results of one step would have been taken for those of another."""
    export_artifacts(store, NAMES[1:], tmp_path / "good.tar")

    def change(e: Any, data: Any) -> Any:
        e.name = e.name.replace(f"ab/{KEY}", f"cd/{OTHER}")
        return [(e, data)]

    with pytest.raises(ArtifactError, match=r"step.json is that of another artifact"):
        import_artifacts(Store(tmp_path / "other"), rewritten(tmp_path / "good.tar", tmp_path / "bad.tar", change))


def test_what_is_no_archive_is_one_line(store: Store, tmp_path: Path) -> None:
    export_artifacts(store, NAMES, tmp_path / "good.tar")
    whole = (tmp_path / "good.tar").read_bytes()
    for content in (b"", b"x" * 2000, whole[:700], whole[: whole.rindex(b"content") + 3]):
        (tmp_path / "bad.tar").write_bytes(content)
        with pytest.raises(ArtifactError, match=r"bad.tar: "):
            import_artifacts(Store(tmp_path / "other"), tmp_path / "bad.tar")
        assert files(tmp_path / "other") == {}
    for path in (tmp_path / "absent.tar", tmp_path):
        with pytest.raises(ArtifactError, match="cannot be read: "):
            import_artifacts(Store(tmp_path / "other"), path)


def test_a_store_or_archive_that_cannot_be_written_is_one_line(store: Store, tmp_path: Path) -> None:
    export_artifacts(store, NAMES, tmp_path / "good.tar")
    (tmp_path / "blocked").write_text("a file, no folder")
    with pytest.raises(StoreError, match="blocked: cannot be written: "):
        import_artifacts(Store(tmp_path / "blocked"), tmp_path / "good.tar")
    with pytest.raises(StoreError, match=r"cannot be written: .*; nothing was left half-written"):
        export_artifacts(store, NAMES, tmp_path / "blocked" / "steps.tar")
