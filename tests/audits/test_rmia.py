"""RMIA equals a slow loop over its definition, leaves itself out, and tells what it must."""

import inspect
from dataclasses import replace
from typing import Any

import numpy
import pytest
from sklearn.metrics import roc_auc_score

from canforget.audits.rmia import relative_likelihood, relative_rank, rmia, scores_among
from canforget.evaluation.evidence import Evidence, NotRun, Predictions, Value
from canforget.rng import numpy_generator
from canforget.testing import check_audit


def slow_scores(own: Any, refs: Any, a: float, gamma: float) -> Any:
    """The definition, one pair at a time: own and each reference are (members, others) of label probabilities."""

    def ratio(k: int, side: int) -> float:
        out = sum(r[side][k] for r in refs) / len(refs)
        return float(own[side][k] / (0.5 * ((1 + a) * out + (1 - a))))

    scores = []
    for side in (0, 1):
        row = []
        for x in range(len(own[side])):
            population = [z for z in range(len(own[1])) if not (side == 1 and z == x)]
            row.append(sum(ratio(x, side) >= gamma * ratio(z, 1) for z in population) / len(population))
        scores.append(row)
    return scores


def likelihoods(count: int, members: int = 40, others: int = 30) -> Any:
    rng = numpy_generator(f"rmia/{count}")
    return [(rng.beta(4, 1, members), rng.beta(4, 1, others)) for _ in range(count)]


@pytest.mark.parametrize(("references", "a", "gamma"), [(1, 0.3, 1.0), (2, 0.6, 2.0), (4, 0.3, 0.5)])
def test_scores_are_those_of_a_loop_over_the_definition(references: int, a: float, gamma: float) -> None:
    models = likelihoods(5)
    found = relative_rank(models, 0, references, a, gamma)
    members, others = slow_scores(models[0], models[1 : 1 + references], a, gamma)
    assert found.members == pytest.approx(members)
    assert found.others == pytest.approx(others)
    labels = numpy.repeat([1, 0], [len(members), len(others)])
    assert found.rank.auc == pytest.approx(roc_auc_score(labels, [*members, *others]))


def test_the_mean_of_likelihoods_is_that_of_models_with_and_without_the_image() -> None:
    """The paper's offline rule: with the image a model is at a·p_out + 1 - a, sure of it at a = 0 and none the wiser at a = 1."""
    own, out = numpy.array([0.9, 0.2, 0.6]), numpy.array([0.5, 0.1, 1.0])
    for a in (0.0, 0.3, 0.6, 1.0):
        expected = [p / ((q + (a * q + 1 - a)) / 2) for p, q in zip(own, out, strict=True)]
        assert relative_likelihood(own, [out], a) == pytest.approx(expected)


def test_the_defaults_are_those_of_the_authors_library() -> None:
    """By its rule, the share of population images of which the ratio is over 1, with `a` .3; ties alone are counted otherwise."""
    (x, z), (out_x, out_z) = likelihoods(2)
    ratio_x, ratio_z = x / (0.65 * out_x + 0.35), z / (0.65 * out_z + 0.35)
    given = inspect.signature(rmia).parameters
    found = relative_rank([(x, z), (out_x, out_z)], 0, 4, given["a"].default, given["gamma"].default)
    assert found.members == pytest.approx((ratio_x[:, None] / ratio_z > 1).mean(axis=1))


def test_a_retrained_model_is_judged_by_the_others_and_never_by_the_subject() -> None:
    models = likelihoods(4)
    found = relative_rank(models, 2, 4, 0.3, 1.0)
    assert found.members == pytest.approx(slow_scores(models[2], [models[1], models[3]], 0.3, 1.0)[0])


def test_likelihoods_of_zero_and_ties_have_their_place() -> None:
    assert relative_likelihood(numpy.zeros(1), [numpy.zeros(1)], 0.3).tolist() == [0.0]
    assert scores_among(numpy.zeros(1), numpy.zeros(3), 1.0).tolist() == [1.0]
    assert scores_among(numpy.zeros(3), numpy.zeros(3), 1.0, own=True).tolist() == [1.0] * 3


def world(known: float, seed: int, retrained: int = 4, n: int = 300) -> Evidence:
    """Images of unlike hardness, which all models share; the subject is surer of the forget set by `known` nats."""
    rng = numpy_generator(f"world/{known}/{seed}")
    hard = rng.normal(scale=2, size=2 * n)

    def views(extra: float) -> Any:
        margin = hard + rng.normal(scale=0.5, size=2 * n)
        margin[:n] += extra
        z = numpy.stack([margin, numpy.zeros(2 * n)], axis=1).astype(numpy.float32)
        labels = numpy.zeros(n, dtype=numpy.int64)
        return {
            name: Predictions(z[part], labels, numpy.arange(2 * n)[part])
            for name, part in (("forget", slice(n)), ("test_forget", slice(n, None)))
        }

    return Evidence(views(known), views(1.0), tuple(views(0.0) for _ in range(retrained)))


def test_what_is_remembered_is_told_and_better_than_without_references() -> None:
    values = rmia(world(0.7, 0), rng=numpy_generator("a")).values
    auc, excess = values["auc"], values["excess"]
    assert isinstance(auc, Value) and isinstance(excess, Value)
    assert auc.interval is not None and auc.interval[0] > 0.6
    assert excess.interval is not None and excess.interval[0] > 0.05
    plain = world(0.7, 0).subject
    raw = roc_auc_score(numpy.repeat([1, 0], 300), numpy.concatenate([plain[v].logits[:, 0] for v in ("forget", "test_forget")]))
    assert auc.value > raw + 0.05


def test_of_a_retrained_model_there_is_nothing_to_tell() -> None:
    """Over 40 worlds the 95 % interval holds .5, and the band 0, nearly always."""
    held = [0, 0]
    for seed in range(40):
        values = rmia(world(0.0, seed, n=100), rng=numpy_generator("a")).values
        for k, (name, null) in enumerate((("auc", 0.5), ("excess", 0.0))):
            value = values[name]
            assert isinstance(value, Value) and value.interval is not None
            held[k] += value.interval[0] <= null <= value.interval[1]
    assert min(held) >= 35


def test_one_reference_suffices_but_for_the_excess() -> None:
    values = rmia(world(0.7, 1, retrained=1), rng=numpy_generator("a")).values
    assert isinstance(values["auc"], Value)
    assert isinstance(values["excess"], NotRun)
    few = rmia(replace(world(0.7, 1)), rng=numpy_generator("a"), references=1).values["auc"]
    assert isinstance(few, Value) and few.value < 1


def test_rmia_keeps_the_contract_of_audits() -> None:
    check_audit(rmia)
