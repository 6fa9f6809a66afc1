"""Every error that canforget raises on purpose; each message says what is wrong, where, and what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches


class CanforgetError(Exception):
    """A mistake or a state of affairs that the user can mend; the command line prints it as one line and exits with `exit_code`."""

    exit_code = 2


class SpecError(CanforgetError):
    """A name, hyperparameter or value in a study, a flag or a call that cannot be understood."""


class PlanError(CanforgetError):
    """A study that cannot be carried out as written: found before anything is computed."""


class DataError(CanforgetError):
    """Images, labels or ids that are missing, unreadable or contradict one another."""


class ArtifactError(CanforgetError):
    """A file that is not what its name or its user says: truncated, of another architecture, or a pickle."""


class DamagedError(ArtifactError):
    """An artifact of the store that is not as it was written: it has been set aside, and the same run computes it again."""


class UserCodeError(SpecError):
    """A net, method or plugin of the user's own that raises, calls `exit()` or returns what it may not; names its file and line."""


class DivergedError(CanforgetError):
    """Weights or a loss that are no longer finite: a diverged run is an error, never a result."""


class NotMeasurable(CanforgetError):
    """A number that this evidence cannot give, and why: shown as *not run*, never as 0 or NaN."""


class StoppedError(CanforgetError):
    """The user stopped the run; what was finished is kept."""

    exit_code = 130


class StoreError(CanforgetError):
    """The store cannot be read or written."""


class EngineError(CanforgetError):
    """An engine that cannot carry out anything: no worker can begin, or none sees the store."""


class NoClusterError(EngineError):
    """No cluster could be begun on this machine, where another engine will do."""


class ContractError(CanforgetError, AssertionError):
    """A member of a family does what none of its kind may do; the message says what, and on which problem."""


def shortened(text: str, most: int = 80) -> str:
    """Returns `text` as one line of at most `most` characters, so that a message stays a line whatever was typed.

    >>> shortened("a\\nb"), shortened("x" * 90, 10)
    ('a\\\\nb', 'xxxxxxx...')
    """
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if len(line) <= most else f"{line[: most - 3]}..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" for the nearest known name, or the first few known names, or nothing when there are none.

    >>> did_you_mean("scurb", ["salun", "scrub"])
    "; did you mean 'scrub'?"
    >>> did_you_mean("qqq", ["salun", "scrub"])
    '; known: salun, scrub'
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""
