"""How often every interval holds the truth, by simulation from known answers, and how often honest models are found guilty.

    python benchmarks/coverage.py [--worlds 4000] [--out results/coverage.json]

Each row: what, under which conditions, the share of simulated studies in which it holds, its Monte Carlo error, and what it should be.
Wanted are .93 to .97. Conservative, and said so by their row: bands of one model where models differ in single images only; bounds of ε,
which are one-sided and by count; shares of a member or two; an area either way round where it is .5, the edge of what it can be;
unlearned and retrained models of worlds, whose common luck with the forget set is counted twice. Too short, as said: seeds of one forget set, asked about others.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy
from scipy import stats

from canforget.audits.membership import two_sided
from canforget.evaluation import calibrated, coin_flips, confusion, fieller, moderated, power, statistics
from canforget.evaluation.evidence import evidence_of, predictions_of
from canforget.rng import numpy_generator


@dataclass(frozen=True)
class Row:
    """The share of `worlds` in which something held, with its Monte Carlo standard error; it should lie in `wanted`."""

    what: str
    conditions: str
    held: float
    error: float
    worlds: int
    wanted: tuple[float, float]


Generator = numpy.random.Generator
NOMINAL = (0.93, 0.97)


def share(what: str, conditions: str, once: Callable[[Generator], object], worlds: int, wanted: tuple[float, float] = NOMINAL) -> Row:
    """How often `once(rng)` (a truth value, or several of one study) holds."""
    rng = numpy_generator(f"coverage/{what}/{conditions}")
    found = numpy.array([numpy.mean(once(rng)) for _ in range(worlds)])
    row = Row(what, conditions, round(float(found.mean()), 4), round(float(found.std(ddof=1) / numpy.sqrt(worlds)), 4), worlds, wanted)
    print(f"{row.what:48} {row.conditions:48} {row.held:.3f} ± {row.error:.3f}", flush=True)
    return row


def within(truth: float, interval: tuple[float, float] | None) -> bool:
    """Whether an interval (`None`: all numbers) holds the truth."""
    return interval is None or interval[0] <= truth <= interval[1]


def plain(worlds: int) -> Iterator[Row]:
    """Intervals of proportions, means and AUCs."""
    for n, p in product((50, 1000), (0.1, 0.5, 0.95)):
        yield share("proportion, Wilson", f"n {n}, p {p}", lambda r, n=n, p=p: within(p, statistics.wilson(r.binomial(n, p), n)), worlds)
    for n in (3, 10):
        yield share("mean, Student", f"n {n}", lambda r, n=n: within(0, statistics.t_interval(r.normal(0, 1, n))), worlds)

        def band(r: Generator, n: int = n) -> bool:
            return within(r.normal(), statistics.prediction_interval(r.normal(0, 1, n)))

        yield share("one more model, prediction interval", f"G {n}", band, worlds)
    for n, shift in product((100, 1000), (0.0, 1.0)):
        truth = float(stats.norm.cdf(shift / numpy.sqrt(2)))

        def area(r: Generator, n: int = n, shift: float = shift, truth: float = truth) -> bool:
            return within(truth, statistics.delong(r.normal(shift, 1, n), r.normal(0, 1, n)).interval())

        yield share("AUC, DeLong", f"n {n} and {n}, AUC {truth:.2f}", area, worlds // 2)


def of_images(worlds: int) -> Iterator[Row]:
    """Other intervals over the choice of images: means of skewed values, F1, areas in excess of another model's, and two-sided ones."""

    def skewed(r: Generator) -> bool:
        return within(float(numpy.exp(0.5)), statistics.t_interval(r.lognormal(0, 1, 1000)))

    yield share("mean loss, Student", "1000 images, log-normal losses", skewed, worlds)
    for score, average in product((confusion.precisions, confusion.recalls, confusion.f1s), ("macro", "weighted")):
        draw = answers(4)
        truth = averaged_over(draw(numpy_generator("coverage/classes"), 1_000_000), score, average)

        def once(r: Generator, draw=draw, score=score, average=average, truth=truth) -> bool:
            return within(truth, confusion.averaged_value(evidence_of(*draw(r, 500)), "test", score, average, 400).interval)

        yield share(f"{score.__name__}, bootstrap", f"{average}, 500 images of 4 classes", once, worlds // 4)
    for shift in (0.0, 0.3):
        truth = float(stats.norm.cdf(shift / numpy.sqrt(2)))

        def both(r: Generator, shift: float = shift) -> tuple[statistics.Delong, statistics.Delong]:
            hard = r.normal(0, 1, (2, 400))
            members, others = hard[0] + r.normal(0, 1, (2, 400)), hard[1] + r.normal(0, 1, (2, 400))
            members[0] += shift * numpy.sqrt(2)
            return statistics.delong(members[0], others[0]), statistics.delong(members[1], others[1])

        def excess(r: Generator, both=both, truth=truth) -> bool:
            one, other = both(r)
            return within(truth - 0.5, statistics.delong_difference(one, [other]))

        def either(r: Generator, both=both, truth=truth) -> bool:
            one = both(r)[0]
            return within(truth, two_sided(one.auc, one.interval())[1])

        yield share("AUC less another model's, DeLong", f"400 and 400, excess {truth - 0.5:.2f}", excess, worlds // 2)
        yield share("AUC either way round", f"400 and 400, AUC {truth:.2f}", either, worlds // 2, NOMINAL if shift else (0.93, 1.0))


def answers(classes: int) -> Callable[[Generator, int], tuple[numpy.ndarray, numpy.ndarray]]:
    """Logits and labels of a model that is right on four of five images of the first class, and on fewer of every further one."""

    def draw(r: Generator, n: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        labels = r.integers(classes, size=n)
        said = numpy.where(r.random(n) < 0.8 - 0.1 * labels, labels, r.integers(classes, size=n))
        return numpy.eye(classes)[said], labels

    return draw


def averaged_over(answered: tuple[numpy.ndarray, numpy.ndarray], score: confusion.PerClass, average: confusion.Average) -> float:
    """An averaged score of many images: the truth."""
    cells = confusion.cells_of(predictions_of(*answered))
    return float(confusion.averaged(cells.tally(cells.counts), score, average))


def deviations(r: Generator, prior_freedom: float, groups: int) -> numpy.ndarray:
    """True standard deviations of groups of models, as the prior has them."""
    return numpy.sqrt(prior_freedom / r.chisquare(prior_freedom, groups)) if numpy.isfinite(prior_freedom) else numpy.ones(groups)


def comparisons(worlds: int) -> Iterator[Row]:
    """Differences from shared retrained models, two-sided and upper bound."""
    for prior, seeds, retrained, rows in product((4.0, 20.0, numpy.inf), (3, 5), (3, 8), (2, 8)):
        where = f"{rows} unlearners, {seeds} seeds, {retrained} retrained, d0 {prior:g}"

        def means(
            r: Generator, p: float = prior, n: int = seeds, g: int = retrained, k: int = rows
        ) -> tuple[list[moderated.ModelMean], moderated.ModelMean]:
            sd = deviations(r, p, k + 1)
            *subjects, reference = moderated.model_means([*(r.normal(0, s, n) for s in sd[:-1]), r.normal(0, sd[-1], g)])
            return subjects, reference

        def both(r: Generator, means=means) -> list[bool]:
            subjects, reference = means(r)
            return [within(0, moderated.combined([(1, s), (-1, reference)]).interval()) for s in subjects]

        def upper(r: Generator, means=means) -> list[bool]:
            subjects, reference = means(r)
            return [moderated.combined([(1, s), (-1, reference)]).upper() >= 0 for s in subjects]

        yield share("difference from retrained, moderated t", where, both, worlds // 2)
        yield share("difference from retrained, upper bound", where, upper, worlds // 2)


def forget_sets(worlds: int) -> Iterator[Row]:
    """Forget sets as a random effect: seeds that each have their own, and seeds of one forget set asked about others."""
    for own, common in ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):

        def held(r: Generator, apart: bool, own: float = own, common: float = common) -> bool:
            sets = r.normal(0, 1, (2, 5)) if apart else numpy.repeat(r.normal(0, 1, (2, 1)), 5, axis=1)
            unlearned, retrained = r.normal(0, 1, (2, 5)) + common * sets[0]
            return within(0, moderated.against_retrained({"u": unlearned + own * sets[1]}, retrained)["u"].interval())

        where = f"5 seeds, sets vary {common:g} alike, {own:g} for the method"
        wanted = (0.93, 0.97) if own and not common else (0.93, 1.0)
        yield share("difference, each seed its own forget set", where, lambda r, h=held: h(r, True), worlds, wanted)
        yield share("difference, one forget set, of all sets", where, lambda r, h=held: h(r, False), worlds, (0.0, 0.97))


def single(worlds: int) -> Iterator[Row]:
    """One model against G retrained ones: conservative where models differ in single images only."""
    for count, spread in product((3, 5, 10), (0.0, 0.1, 0.4)):

        def once(r: Generator, count: int = count, spread: float = spread) -> bool:
            shares = r.normal(0, 1, (count + 1, 100)) + r.normal(0, spread, (count + 1, 1))
            error = moderated.paired_image_error((shares[0], shares[1:]))
            return within(0, moderated.one_against_band(shares[0].mean(), shares[1:].mean(axis=1), error).interval())

        where = f"G {count}, models differ by {10 * spread:g} image errors"
        yield share("one model, band and images", where, once, worlds, (0.93, 0.97) if spread > 0.1 else (0.94, 0.995))


def acquittals(worlds: int) -> Iterator[Row]:
    """Whether the number of seeds that is said to acquit four times in five does so, and not with a true effect at the margin."""
    for deviation in (0.01, 0.02, 0.03):
        seeds = power.seeds_to_acquit(deviation, 0.03)
        assert seeds is not None

        def once(r: Generator, effect: float, sd: float = deviation, n: int = seeds) -> bool:
            u, g = r.normal(effect, sd, n), r.normal(0, sd, n)
            return moderated.against_retrained({"u": u}, g)["u"].equivalence(0.03).holds

        where = f"{seeds} seeds, sd {deviation}, margin .03"
        yield share("acquitted, true effect 0", where, lambda r, once=once: once(r, 0.0), worlds, (0.8, 1.0))
        yield share("acquitted, true effect at the margin", where, lambda r, once=once: once(r, 0.03), worlds, (0.0, 0.055))


def fractions(worlds: int) -> Iterator[Row]:
    """Residue fractions, two-sided and upper bound."""
    for truth, seeds, alike in product((0.0, 0.25, 1.0), (3, 6), (True, False)):
        sd = (0.015, 0.015, 0.015) if alike else (0.025, 0.01, 0.015)

        def bounds(r: Generator, truth: float = truth, n: int = seeds, sd: tuple[float, ...] = sd) -> fieller.MemoryFraction:
            u, o, g = (r.normal(m, s, n) for m, s in zip((0.5 + 0.2 * truth, 0.7, 0.5), sd, strict=True))
            return fieller.residue_fraction(*moderated.model_means([u, o, g]))

        where = f"f {truth}, {seeds} seeds, {'equal' if alike else 'unequal'} deviations"
        yield share("residue fraction, Fieller", where, lambda r, b=bounds, t=truth: within(t, b(r).interval), worlds + worlds // 2)
        yield share("residue fraction, upper bound", where, lambda r, b=bounds, t=truth: b(r).upper >= t, worlds + worlds // 2)


def rates(worlds: int) -> Iterator[Row]:
    """True positives at few false ones."""
    for (fraction, n), shift in product(((0.01, 1000), (0.01, 5000), (0.05, 600), (0.001, 10_000)), (0.0, 0.5, 2.0)):
        truth = float(stats.norm.sf(stats.norm.isf(fraction) - shift))

        def once(r: Generator, f: float = fraction, n: int = n, shift: float = shift, truth: float = truth) -> bool:
            return within(truth, calibrated.true_positive_rate(r.normal(shift, 1, 1000), r.normal(0, 1, n), f, rng=r, draws=1000).interval)

        wanted = NOMINAL if 1000 * truth > 2 else (0.93, 1.0)  # of 1,000 members one at most is found: shares come in steps
        yield share("true positives, both sides resampled", f"at {fraction:.1%} of {n}, truth {truth:.3f}", once, worlds // 2, wanted)


def coins(worlds: int) -> Iterator[Row]:
    """Coin-flip worlds: the swap twin's interval, p where nothing is known, and bounds of ε."""

    def twin(r: Generator) -> bool:
        hard, side = r.normal(0, 10, 300), r.random(300) < 0.5
        one, other = (hard + drift + 0.3 * c + r.normal(0, 1, 300) for drift, c in ((0, side), (5, ~side)))
        return within(0.3, coin_flips.swap_twin(one, other, side).interval())

    def innocent(r: Generator) -> tuple[numpy.ndarray, numpy.ndarray]:
        return r.normal(0, 1, 300), r.random(300) < 0.5

    def at_one(r: Generator) -> bool:
        side = r.random(300) < 0.5
        right = r.random(300) < numpy.e / (1 + numpy.e)
        return coin_flips.epsilon_lower_bound(numpy.where(side == right, 1, -1) * (1 + r.random(300)), side).epsilon > 1

    yield share("swap twin, interval", "300 images", twin, worlds)
    one, other = (lambda r: coin_flips.permutation_test(*innocent(r), rng=r, draws=199).p_above <= 0.05), (0.04, 0.06)
    yield share("permutation p ≤ .05 where nothing is known", "300 images", one, worlds // 2, other)
    for sided in (False, True):
        yield share(
            "ε bound above 0 where nothing is known", f"300 images, {'two' if sided else 'one'}-sided",
            lambda r, s=sided: coin_flips.epsilon_lower_bound(*innocent(r), two_sided=s).epsilon > 0, worlds, (0.0, 0.05),
        )  # fmt: skip
    yield share("ε bound above the truth", "randomized response, ε 1", at_one, worlds, (0.0, 0.05))


def main() -> None:
    """Runs every simulation and writes its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("results/coverage.json"))
    given, start = parser.parse_args(), time.monotonic()
    rows = [
        row
        for part in (plain, of_images, comparisons, forget_sets, single, acquittals, fractions, rates, coins)
        for row in part(given.worlds)
    ]
    outside = [row for row in rows if not row.wanted[0] - 2 * row.error <= row.held <= row.wanted[1] + 2 * row.error]
    told = {"command": f"python benchmarks/coverage.py --worlds {given.worlds}", "seconds": round(time.monotonic() - start)}
    given.out.write_text(json.dumps(told | {"rows": [asdict(r) for r in rows]}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows, {len(outside)} outside what is wanted" + "".join(f"\n  {r.what}, {r.conditions}: {r.held}" for r in outside))


if __name__ == "__main__":
    main()
