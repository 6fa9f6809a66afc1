"""One small study with every option on, carried out once for all tests of this folder."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.run import run
from canforget.study.store import Store
from tests.study.s3_server import ACCESS, BUCKET, Moto, moto_running


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The plan, the store and the records by (unlearner, quantizer, seed)."""
    study = Study.of(
        datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners="neggrad_plus:fit.epochs=1", fit={"epochs": 2},
        quantizers=["none", "int:bits=3,activations=0"], seeds=2, features=True, noise_draws=20, probes=True, judged_retain=600,
    )  # fmt: skip
    drawn, store = plan(study), Store(tmp_path_factory.mktemp("store"))
    records = run(drawn, store)
    return drawn, store, {(r.case.unlearner.partition(":")[0], r.case.quantizer.partition(",")[0], r.case.seed): r for r in records}


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """A local S3-protocol server with an empty bucket."""
    with moto_running() as server:
        yield server


@pytest.fixture
def bucket_url(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> str:
    """An empty place in the server's bucket, with all in the environment that is needed to reach it."""
    for name, value in {**ACCESS, "AWS_ENDPOINT_URL": moto.url, "CANFORGET_CACHE_DIR": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("canforget.study.bucket.WAITS", (0.05,) * 5)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
