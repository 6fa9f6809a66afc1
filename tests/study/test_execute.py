"""What the steps leave in the store, and what of it reaches a record: one small study with every option on."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from canforget.data.images import Images
from canforget.errors import DataError
from canforget.evaluation.evidence import Predictions
from canforget.file_io import read_arrays, read_json
from canforget.network.predict import predict
from canforget.report.record import load_records, save_records
from canforget.study.definition import Study
from canforget.study.execute import Workspace, perform
from canforget.study.plan import plan
from canforget.study.run import run
from canforget.study.store import Store


def files(done: Any, verb: Any, name: Any) -> Any:
    drawn, store, _ = done
    return [store.folder(s.verb, s.key) / name for s in drawn.steps if s.verb == verb]


def test_features_are_kept_for_every_view_that_is_judged_by_them_and_no_other(done: Any) -> None:
    for path in files(done, "predict", "predictions.npz"):
        arrays = read_arrays(path)
        assert {n.removesuffix(".features") for n in arrays if n.endswith(".features")} == {"forget", "retain", "test"}
        assert arrays["test.features"].dtype == numpy.float16
        assert len(arrays["test.features"]) == len(arrays["test.ids"])


def test_without_the_option_no_features_are_kept(tmp_path: Path) -> None:
    given = {
        "datasets": "digits",
        "models": "tiny_cnn",
        "scenarios": "whole_class:classes=3",
        "unlearners": "nothing",
        "fit": {"epochs": 1},
    }
    drawn = plan(Study.of(**given))
    run(drawn, tmp_path)
    arrays = [read_arrays(Store(tmp_path).folder(*s.name) / "predictions.npz") for s in drawn.steps if s.verb == "predict"]
    assert arrays
    assert not any("features" in name for found in arrays for name in found)


def test_noise_is_asked_on_a_fixed_part_of_what_the_subject_is_judged_on(done: Any) -> None:
    """Draws of other images for every model could not be compared."""
    every = [read_arrays(p) for p in files(done, "noise", "noise.npz")]
    predicted = read_arrays(files(done, "predict", "predictions.npz")[0])
    assert len(every) == 3 * 2
    for arrays in every:
        assert arrays["retain.logits"].shape == (20, 500, 10)
        assert numpy.isin(arrays["retain.ids"], predicted["retain.ids"]).all()
        assert numpy.isin(arrays["test_forget.ids"], predicted["test.ids"]).all()
        assert all(numpy.array_equal(arrays[n], every[0][n]) for n in arrays if n.endswith(".ids"))
        assert arrays["forget.logits"].std(axis=0).max() > 0


def test_a_probe_holds_every_layer_and_their_sum(done: Any) -> None:
    for path in files(done, "probe", "probe.json"):
        found = read_json(path)
        assert sum(layer["weights"] for layer in found["layers"].values()) == found["together"]["weights"]
        assert 0 < found["together"]["flip_rate_own"] <= 1


def test_a_record_of_a_rounded_model_says_what_rounding_did(done: Any, tmp_path: Path) -> None:
    records = done[2]
    rounded, plain = (records["neggrad_plus", q, 0] for q in ("int:bits=3", "none"))
    assert rounded.values["recovery.margin_noise_p"].n == 20
    moved, noise = (rounded.values[f"recovery.margin_{name}"].value for name in ("beside_noise", "noise_rebound"))
    assert moved + noise == pytest.approx(rounded.values["recovery.margin_rebound"].value, abs=1e-4)
    difference = rounded.values["forget.accuracy"].value - plain.values["forget.accuracy"].value
    assert rounded.values["recovery.accuracy_rebound"].value == pytest.approx(difference)
    assert 0 < rounded.values["code_flips.flip_rate_shared"].value < 1
    assert {"noise", "probe code_flips"} <= rounded.seconds.keys()
    assert not any(name.startswith(("recovery", "code_flips")) for name in plain.values)
    save_records([rounded], ["a"], tmp_path, {})
    assert load_records(tmp_path) == [rounded]


def test_probes_of_features_run_where_features_were_kept(done: Any) -> None:
    values = done[2]["neggrad_plus", "none", 0].values
    assert 0 <= values["nearest_prototype.accuracy_5_shots"].value <= 1
    assert values["nearest_prototype.excess_5_shots"].n == 2


def test_agreement_in_a_record_is_counted_on_the_rounded_predictions(done: Any) -> None:
    drawn, store, records = done
    found = {(c.unlearner.partition(":")[0], c.seed): c for c in drawn.cases if c.quantizer.startswith("int")}
    one, other = (read_arrays(store.folder(*found[u, 0].steps["predict"]) / "predictions.npz") for u in ("neggrad_plus", "nothing"))
    by_hand = (one["test.logits"].argmax(1) == other["test.logits"].argmax(1)).mean()
    assert records["neggrad_plus", "int:bits=3", 0].values["code_flips.test_agreement_original"].value == pytest.approx(by_hand)


def test_a_request_that_changed_after_planning_is_not_carried_out_in_the_name_of_the_first(tmp_path: Path) -> None:
    """The names of results hold the images that were planned; another file under the same path would fill them with others."""
    request = tmp_path / "request.txt"
    request.write_text("1\n2\n3\n")
    scenario = {"name": "ids", "file": str(request), "untrained": "skip"}
    drawn = plan(Study.of(datasets="digits", models="tiny_cnn", scenarios=[scenario], unlearners="nothing", fit={"epochs": 1}))
    request.write_text("1\n2\n4\n")
    (split,) = [s for s in drawn.steps if s.verb == "split"]
    with pytest.raises(DataError, match="changed since this was planned; run it again"):
        perform(split, Workspace(Store(tmp_path / "store")))


def test_every_image_passes_once_through_every_model_whatever_is_asked_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics, audits and formats multiply; forward passes must not: 60,000 predictions of a model are made once, and read ever after."""
    passes: list[int] = []

    def counted(model: torch.nn.Module, images: Images, **options: Any) -> Predictions:
        handle = model.register_forward_pre_hook(lambda _, given: passes.append(len(given[0])))
        try:
            return predict(model, images, **options)
        finally:
            handle.remove()

    monkeypatch.setattr("canforget.network.predict.predict", counted)
    given: dict[str, Any] = {"datasets": "digits", "models": "tiny_cnn", "scenarios": "random_samples:count=90", "unlearners": "destroyed"}
    given |= {"quantizers": ["none", "int"], "fit": {"epochs": 1}, "judged_retain": 300, "calibration": 32, "features": True}
    few = plan(Study.of(**given, metrics="accuracy", audits="membership"))
    run(few, Store(tmp_path))
    seen = sum(len(read_arrays(Store(tmp_path).file(*s.name, "predictions.npz"))[f"{v}.ids"]) for s in few.steps if s.verb == "predict"
               for v in ("forget", "retain", "val", "test"))  # fmt: skip
    models = {s.what["model"] for s in few.steps if s.verb == "predict"}
    assert len(models) == 6
    assert sum(passes) == seen == 6 * (90 + 300 + 144 + 359)
    passes.clear()
    records = run(plan(Study.of(**given)), Store(tmp_path))
    assert len(records[-1].values) > 60
    assert not passes
