from pathlib import Path
from typing import Any

import numpy

from canforget.evaluation.evidence import Evidence, Predictions
from canforget.file_io import read_arrays, write_arrays, write_json
from canforget.spec import parse
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.run import run
from canforget.study.store import Store
from canforget.study.stored_evidence import agreements, noise_in, values_of_probe, views_in
from tests.narrowed import present


def test_the_views_of_a_model_are_those_of_its_split(done: Any) -> None:
    """Matched and retained test images are parts of the test set, predicted once."""
    drawn, store, _ = done
    step = next(s for s in drawn.steps if s.verb == "predict")
    views = views_in(store, step.key, step.what["split"])
    split = read_arrays(store.file("split", step.what["split"], "split.npz"))
    assert views.keys() >= {"forget", "retain", "test", "test_forget", "test_retain"}
    assert numpy.array_equal(views["test_forget"].ids, numpy.intersect1d(views["test"].ids, split["test_forget"]))
    assert not set(views["test_retain"].labels) & set(views["forget"].labels)


def test_every_draw_of_noise_is_a_model_of_its_own(tmp_path: Path) -> None:
    store, logits = Store(tmp_path), numpy.arange(24, dtype=numpy.float32).reshape(3, 4, 2)
    arrays = {"forget.logits": logits, "forget.labels": numpy.zeros(4, int), "forget.ids": numpy.arange(4)}
    store.put("noise", "some", lambda folder: write_arrays(folder / "noise.npz", arrays), {})
    store.put("noise", "none", lambda folder: write_arrays(folder / "noise.npz", {}), {})
    assert [v["forget"].logits[0, 0] for v in noise_in(store, "some")] == [0, 8, 16]
    assert noise_in(store, "none") == ()


def test_agreement_is_with_the_rounded_models_and_what_was_not_updated_says_so(tmp_path: Path) -> None:
    """By hand: of four images, the original agrees on one and the retrained model on three."""

    def model(*classes: Any) -> Any:
        predictions = Predictions(numpy.eye(2, dtype=numpy.float32)[list(classes)], numpy.zeros(4, int), numpy.arange(4))
        return {"forget": predictions, "test": predictions}

    case = Evidence(model(0, 0, 0, 0), model(0, 1, 1, 1), (model(0, 0, 0, 1),))
    found = agreements("code_flips", case)
    assert found["code_flips.forget_agreement_original"]["value"] == 0.25
    assert found["code_flips.test_agreement_retrained"]["value"] == 0.75

    def write(folder: Path) -> None:
        write_arrays(folder / "probe.npz", {})
        write_json(folder / "probe.json", {"together": {"weights": 10, "flip_rate_own": 0.5, "retained_projection": None}})

    store = Store(tmp_path)
    store.put("probe", "some", write, {})
    probe = {"probe": parse("probes", "code_flips").to_json(), "subject": "some", "original": "", "retrained": []}
    values = values_of_probe("code_flips", probe, store)
    assert values["code_flips.flip_rate_own"] == {"value": 0.5, "interval": None, "n": 10}
    assert "nothing was updated" in values["code_flips.retained_projection"]["not_run"]


def test_noise_is_judged_on_both_halves_where_coins_were_tossed(tmp_path: Path) -> None:
    """Without the images tossed out no area could be had of the disturbed models."""
    given: dict[str, Any] = {
        "datasets": "digits",
        "models": "tiny_cnn",
        "unlearners": "destroyed",
        "quantizers": "int",
        "fit": {"epochs": 1},
    }
    given |= {"noise_draws": 20, "noise_images": 20, "judged_retain": 50, "audits": "recovery:measures=auc", "metrics": "accuracy"}
    drawn = plan(Study.of(scenarios="randomized_inclusion:fraction=0.2", **given))
    record = run(drawn, Store(tmp_path))[-1]
    found = record.values["recovery.auc_noise_p"]
    assert 0 < present(found.value) < 1, found


def test_coins_reach_the_audit_that_needs_them(tmp_path: Path) -> None:
    """A study of tossed images asks for the exact audit by itself; one of other images has no such number."""
    given = {"datasets": "digits", "models": "tiny_cnn", "unlearners": "destroyed", "fit": {"epochs": 1}, "judged_retain": 200}
    drawn = plan(Study.of(scenarios="randomized_inclusion:fraction=0.2", **given))
    records = run(drawn, Store(tmp_path))
    for record in records:
        assert 0 < present(record.values["coin_flips.p"].value) <= 1
        halves = sum(record.data["counts"][k] for k in ("forget", "held_out"))
        assert record.values["coin_flips.p"].n == record.values["membership.phi"].n == halves
    assert "coin_flips" not in [a.name for a in Study.of(scenarios="random_samples:count=50", **given).audits]
