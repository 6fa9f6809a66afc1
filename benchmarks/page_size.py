"""How large is the page of a thousand cases, how long does it take to write, and to open? Cases of a published study under other names.

python benchmarks/page_size.py [--cases 1000] [--seeds 3] [--open]      # --open needs playwright and Debian's chromium

Two shared cores with other work beside (load 10 to 16): 1000 cases, 902,257 bytes, made in 0.6 to 0.8 s of CPU (2.0 to 4.9 s by the clock),
opened in 0.65 s.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

from canforget.report.page.build import PageText, page_html
from canforget.report.record import Record, load_records

PUBLISHED = Path(__file__).parents[1] / "results" / "recovery_class"


def many_records(cases: int, seeds: int = 3) -> list[Record]:
    """At least so many records: the published ones, and again under other settings of their unlearners."""
    known = [r for r in load_records(PUBLISHED) if r.case.seed < seeds]
    references = [r for r in known if r.case.unlearner in ("retrain", "nothing")]
    others = [r for r in known if r.case.unlearner not in ("retrain", "nothing")]
    found, turn = references, 0
    while len(found) < cases:
        found = found + [
            replace(r, case=replace(r.case, unlearner=f"{r.case.unlearner}{'' if turn == 0 else f',turn={turn}'}")) for r in others
        ]
        turn += 1
    return found[:cases]


def seconds_to_open(path: Path) -> float:
    """Seconds until a browser has loaded a page and run its script."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"]).new_page()
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(path.as_uri(), wait_until="load")
        return time.perf_counter() - start


def main() -> None:
    """Prints one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("page.html"))
    parser.add_argument("--open", action="store_true")
    given = parser.parse_args()
    records = many_records(given.cases, given.seeds)
    start = time.perf_counter()
    page = page_html(records, PageText("A thousand cases")).encode()
    written = time.perf_counter() - start
    given.out.write_bytes(page)
    opened = f", opened in {seconds_to_open(given.out.resolve()):.2f} s" if given.open else ""
    print(f"{len(records)} cases: {len(page):,} bytes, made in {written:.2f} s{opened}")


if __name__ == "__main__":
    main()
