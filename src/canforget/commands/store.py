"""Look after a store of finished steps: ls, du, verify, gc, export, import."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canforget.cli import options, output
from canforget.errors import ArtifactError, StoreError

if TYPE_CHECKING:
    from canforget.study.store import Store
    from canforget.study.store_use import Stored

Results = Annotated[list[Path], typer.Argument(help="Folders of results, or results.json files.", show_default=False)]
STORE = Path("canforget-store")


def ls(
    verb: Annotated[str | None, typer.Option(help="Only steps of this verb, as in train.", show_default=False)] = None,
    store: options.StoreDir = STORE,
    json: options.Json = False,
) -> None:
    """List the steps that a store holds, with their bytes and what they are.

    Example: canforget store ls --verb unlearn
    """
    from canforget.study.store_use import contents

    show_items([item for item in contents(opened(store)) if verb in (None, item.verb)], json)


def du(store: options.StoreDir = STORE, json: options.Json = False) -> None:
    """Say what takes how much of the disk: steps by verb, damaged ones set aside, checkpoints, what killed writers left.

    Example: canforget store du --store canforget-store
    """
    from canforget.study.store_use import contents, leftovers

    place = opened(store)
    items = [*contents(place), *leftovers(place)]
    sizes = {verb: [i.bytes for i in items if i.verb == verb] for verb in sorted({i.verb for i in items})}
    if json:
        output.echo_json({verb: {"count": len(found), "bytes": sum(found)} for verb, found in sizes.items()})
        return
    lines = [(verb, len(found), sum(found)) for verb, found in [*sizes.items(), ("total", [i.bytes for i in items])]]
    print("\n".join(f"{verb:<10}  {count:>7}  {output.worded_bytes(size):>9}" for verb, count, size in lines))


def verify(store: options.StoreDir = STORE, json: options.Json = False) -> None:
    """Read every byte of a store and name what is not as it was written; a run that needs it makes it anew.

    Exit code 1 if something is damaged.

    Example: canforget store verify
    """
    place = opened(store)
    names = place.artifacts()
    damaged = [{"verb": v, "key": k, "why": why} for v, k in names if (why := place.examine(v, k))]
    if json:
        output.echo_json({"artifacts": len(names), "damaged": damaged})
    else:
        print("\n".join([*(f"damaged: {d['verb']} {d['key'][:12]}: {d['why']}" for d in damaged), f"{len(names) - len(damaged)} of {len(names)} steps are as they were written"]))  # fmt: skip
    if damaged:
        raise typer.Exit(1)


def gc(
    results: Results,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, it is only listed.")] = False,
    store: options.StoreDir = STORE,
    json: options.Json = False,
) -> None:
    """List, and with --yes remove, what the given results do not need; name all folders of results that are to be kept.

    Kept are the steps that records refer to, those of the runs in these folders (failed and unfinished ones, too), and all that they
    were made from. A step that was removed is computed again by a run that needs it.

    Example: canforget store gc canforget-results other-results --yes
    """
    from canforget.study.store_use import removed, unneeded

    place = opened(store)
    items = unneeded(place, results)
    gone = removed(place, items) if yes else items
    show_items(gone, json)
    if not json:
        busy = f"; {len(items) - len(gone)} are in use and were left" if len(items) > len(gone) else ""
        print(f"removed{busy}" if yes else "nothing was removed; --yes removes them")


def export(
    results: Results,
    out: Annotated[Path, typer.Option("--out", help="Where to write the archive (.tar).")] = Path("steps.tar"),
    store: options.StoreDir = STORE,
    json: options.Json = False,
) -> None:
    """Write the steps that records refer to, and all that they were made from, into one archive, each verified.

    Example: canforget store export canforget-results --out steps.tar
    """
    from canforget.study.store_archive import export_artifacts
    from canforget.study.store_use import keys_of_records, with_inputs

    place, keys = opened(store), keys_of_records(results)
    names = with_inputs(place, keys)
    absent = keys - {key for _, key in names}
    if absent:
        which = f"{len(absent)} of the {len(keys)} steps that the records refer to ({min(absent)[:12]} is one)"
        raise StoreError(f"{store}: lacks {which}; run the study again, then export")
    if not names:
        raise ArtifactError(f"{', '.join(map(str, results))}: the records refer to no step; nothing to export")
    size = export_artifacts(place, names, options.Destination(out, ".tar", "archives").checked())
    output.tell({"out": str(out), "steps": len(names), "bytes": size}, json)


def import_archive(
    archive: Annotated[Path, typer.Argument(help="The archive (.tar) that `store export` wrote.", show_default=False)],
    store: options.StoreDir = STORE,
    json: options.Json = False,
) -> None:
    """Add the steps of an archive to a store: every entry and checksum is verified before the first is added.

    Checksums find damage, not deceit: import what you would also believe.

    Example: canforget store import steps.tar --store canforget-store
    """
    from canforget.study.remote_store import store_at
    from canforget.study.store_archive import import_artifacts

    found = import_artifacts(store_at(store), archive)
    output.tell({"store": str(store), "steps": found.artifacts, "added": found.added}, json)


store: Mapping[str, Callable[..., None]] = {"ls": ls, "du": du, "verify": verify, "gc": gc, "export": export, "import": import_archive}


def opened(folder: Path) -> "Store":
    """The store in a folder that exists, or in a bucket."""
    from canforget.study.remote_store import RemoteStore, store_at

    found = store_at(folder)
    if not isinstance(found, RemoteStore) and not folder.is_dir():
        raise StoreError(f"{folder}: no store there; name one by --store")
    return found


def show_items(items: Sequence["Stored"], json: bool) -> None:
    """Prints what lies in a store, a line each, and how much it is."""
    plain: list[dict[str, Any]] = [{"verb": i.verb, "key": i.key, "path": str(i.path), "bytes": i.bytes, "label": i.label} for i in items]
    if json:
        output.echo_json(plain)
        return
    for i in items:
        print(f"{i.verb:<9}  {i.key[:12]:<12}  {output.worded_bytes(i.bytes):>9}  {i.label}")
    print(f"{len(items)} in all, {output.worded_bytes(sum(i.bytes for i in items))}")
