"""What `canforget compare` compares: rows and studies of records, or two model files on the same images; and how it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from canforget.errors import ArtifactError, SpecError
from canforget.evaluation.evidence import Predictions
from canforget.report.comparison import (
    MEASURES,
    Comparison,
    Difference,
    StudyComparison,
    compare_predictions,
    compare_rows,
    compare_studies,
)
from canforget.report.fit_width import fit_table, paragraph
from canforget.report.record import Record, load_records, over_seeds, select
from canforget.report.table import columns_of

MODELS = (".safetensors", ".onnx")
HEADS = ("measure", "A", "B", "B - A", "95 % interval", "seen from", "Holm p")
MOST_SETTINGS = 15


def compared(a: str, b: str, measures: Sequence[str], store: Path | None, **where: Any) -> Comparison | StudyComparison:
    """The comparison of B with A, each a model file, a record, a row (`FOLDER@UNLEARNER@FORMAT`) or a study."""
    models = [Path(text).suffix in MODELS for text in (a, b)]
    if any(models):
        if not all(models):
            raise SpecError(
                f"compare: {(a, b)[models.index(False)]} is no model file, and the other is; give two models, or two of records"
            )
        return compare_files(Path(a), Path(b), **where)
    rows = records_at(a), records_at(b)
    names = tuple(c.name for c in columns_of([*rows[0], *rows[1]], measures, "--measures")) if measures else MEASURES
    counts = [len(over_seeds(r)) for r in rows]
    if min(counts) > 1:
        return compare_studies(rows[0], rows[1], names)
    if max(counts) > 1:
        text = (a, b)[counts.index(max(counts))]
        raise SpecError(f"compare: {text} holds {max(counts)} rows, and the other is one; name a row, as in {text}@UNLEARNER@FORMAT")
    if store is not None and len(rows[0]) == len(rows[1]) == 1:
        found = [stored_predictions(r[0], store) for r in rows]
        return compare_predictions(found[0], found[1], (f"{a} (A)", f"{b} (B)"))
    return compare_rows(rows[0], rows[1], names)


def records_at(text: str) -> list[Record]:
    """The records that a text names: a file or folder, and after @ the unlearner, and after another the format."""
    path, *labels = [text] if Path(text).exists() else text.split("@")
    if len(labels) > 2:
        raise SpecError(f"compare: {text}: write FOLDER@UNLEARNER@FORMAT")
    every = load_records(Path(path))
    names = {"retrained": "retrain", "original": "nothing", "float32": "none"}
    wanted = dict(zip(("unlearner", "quantizer"), (names.get(label, label) for label in labels)))
    exact = [r for r in every if all(getattr(r.case, axis) == label for axis, label in wanted.items())]
    found = exact or select(every, **wanted)
    if not found:
        raise SpecError(f"compare: {text}: no record of {' at '.join(wanted.values())} in {path}; canforget show {path} lists them")
    return found


def stored_predictions(record: Record, store: Path) -> Mapping[str, Predictions]:
    """The predictions that a record was made from, in a store."""
    from canforget.study.remote_store import store_at
    from canforget.study.stored_evidence import views_in

    place, key = store_at(store), record.steps.get("predict", "")
    if not key or not place.holds("predict", key):
        raise ArtifactError(
            f"{store}: does not hold the predictions of {record.case.unlearner} (seed {record.case.seed}); leave --store out"
        )
    return views_in(place, key, place.provenance("predict", key)["what"]["split"])


def compare_files(
    a: Path, b: Path, *, dataset: str | None, scenario: str | None, split_seed: int, data_dir: Path | None, device: str
) -> Comparison:
    """Two model files on the images of the split that A's file, or the options, name."""
    from canforget.cli.model_files import opened_split, origin_of, origin_value
    from canforget.deployment import model_file
    from canforget.pipeline import views_of

    origins = [origin_of(a), origin_of(b)]
    data = dataset or origin_value(origins[0], "dataset", a)
    chosen = scenario or origins[0].get("scenario") or origins[1].get("scenario")
    split = opened_split(origins[0] | {"dataset": data, "scenario": chosen}, split_seed, data_dir, device)
    found = [views_of(model_file.load(path, device=device), split) for path in (a, b)]
    return compare_predictions(found[0], found[1], (f"{a} (A)", f"{b} (B)"))


def comparison_text(found: Comparison | StudyComparison) -> str:
    """What differs in words, then by how much, then in which settings."""
    if isinstance(found, Comparison):
        return one_text(found)
    differing = [row for row in found.rows if any(d.seen for d in row.differences)]
    said = [f"{len(found.rows)} rows in both; {len(differing)} differ beyond chance (Holm over all measures of all rows)."]
    if not found.rows:
        said = ["The studies share no row: data set, model, scenario, unlearner and format have to be labelled alike."]
    said += [f"Only in {which}: {len(labels)} rows." for which, labels in (("A", found.only_a), ("B", found.only_b)) if labels]
    alike = [row.a.removesuffix(" (A)") for row in found.rows if row not in differing]
    return "\n\n".join(
        [
            "\n".join(map(paragraph, said)),
            *map(one_text, differing),
            *([paragraph(f"No difference seen: {'; '.join(alike)}.")] if alike else []),
        ]
    )


def one_text(found: Comparison) -> str:
    """One comparison."""
    lines = [*map(paragraph, found.words()), ""]
    lines += fit_table(HEADS, [difference_cells(d) for d in found.differences], (0,)) if found.differences else []
    over = ", ".join(dict.fromkeys(d.over for d in found.differences))
    lines.append(paragraph(f"{over}; seen from: the least difference found with 80 % power; Holm p over all measures.") if over else "")
    if found.settings:
        lines += ["", "Settings that differ (A, B):"]
        lines += [paragraph(f"  {name}: {x}, {y}") for name, x, y in found.settings[:MOST_SETTINGS]]
        lines += [f"  and {len(found.settings) - MOST_SETTINGS} more: --json"] if len(found.settings) > MOST_SETTINGS else []
    return "\n".join(lines)


def difference_cells(d: Difference) -> tuple[str, ...]:
    """The cells of one measure."""
    interval = "–" if d.interval is None else f"[{d.interval[0]:+.3f}, {d.interval[1]:+.3f}]"
    plain = ["–" if v is None else f"{v:.3f}" for v in (d.detectable, d.p_adjusted)]
    return d.measure, f"{d.a:.3f}", f"{d.b:.3f}", f"{d.difference:+.3f}", interval, *plain


def comparison_json(found: Comparison | StudyComparison) -> dict[str, Any]:
    """The same as JSON holds it, with the words."""
    if isinstance(found, Comparison):
        return asdict(found) | {"words": found.words()}
    return {"rows": [comparison_json(row) for row in found.rows], "only_a": list(found.only_a), "only_b": list(found.only_b)}
