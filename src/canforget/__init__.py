"""canforget: can a vision model forget, and does quantization bring the forgotten back?"""

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the public names, listed here and nowhere else: `homes` reads this block, and each is imported when it is asked for
    from canforget.auditing.run import audit as audit
    from canforget.bit_sweep import sweep as sweep
    from canforget.data.dataset import DataSet as DataSet
    from canforget.data.images import Images as Images
    from canforget.data.images import Split as Split
    from canforget.deployment.model_file import load as load
    from canforget.deployment.model_file import save as save
    from canforget.deployment.onnx_graph import export as export
    from canforget.errors import CanforgetError as CanforgetError
    from canforget.evaluation.evidence import Audit as Audit
    from canforget.evaluation.evidence import Evidence as Evidence
    from canforget.evaluation.evidence import Predictions as Predictions
    from canforget.evaluation.evidence import Value as Value
    from canforget.fit_settings import Fit as Fit
    from canforget.network.classifier import wrap as wrap
    from canforget.network.predict import predict as predict
    from canforget.pipeline import evaluate as evaluate
    from canforget.pipeline import open_split as open_split
    from canforget.pipeline import probe as probe
    from canforget.pipeline import quantize as quantize
    from canforget.pipeline import split_of as split_of
    from canforget.pipeline import train as train
    from canforget.pipeline import unlearn as unlearn
    from canforget.registry import component as component
    from canforget.report.record import Record as Record
    from canforget.report.results import results as results
    from canforget.study.definition import Study as Study
    from canforget.study.run import run_study as run_study
    from canforget.study.store import Store as Store
    from canforget.testing import check_audit as check_audit
    from canforget.testing import check_dataset as check_dataset
    from canforget.testing import check_metric as check_metric
    from canforget.testing import check_model as check_model
    from canforget.testing import check_probe as check_probe
    from canforget.testing import check_quantizer as check_quantizer
    from canforget.testing import check_scenario as check_scenario
    from canforget.testing import check_unlearner as check_unlearner
    from canforget.training.loop import passes as passes
    from canforget.training.loop import train_ as train_

__version__ = "0.1.0"


def homes() -> dict[str, str]:
    """The module that each public name is imported from, as the block above says."""
    block = next(node for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body if isinstance(node, ast.If))
    return {alias.name: str(line.module) for line in block.body if isinstance(line, ast.ImportFrom) for alias in line.names}


PUBLIC = homes()


def __getattr__(name: str) -> Any:
    """Imports what is asked for, when it is asked for."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'canforget' has no attribute '{name}'")
    globals()[name] = getattr(import_module(PUBLIC[name]), name)
    return globals()[name]


def __dir__() -> list[str]:
    """The public names, and those of the rooms that were imported."""
    return sorted({*PUBLIC, *globals()})
