"""Runs the code of a page as its reader would, block after block in one folder, and compares what it prints with what the page shows."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canforget.cli.app import main

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^(`{3,}|:{3,})(?:\{([\w-]+)\} ?)?(.*)$")
NUMBER = re.compile(r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?")
NEAR, OF_ITSELF = 5.0, 0.1
"""How far a number may be from the page's: points of percent (or hundredths below 1), or a share of itself; machines differ."""


@dataclass(frozen=True)
class Block:
    """Code of a page: its language, its text, the file that its caption names, the line it begins in, and whether it is an illustration."""

    language: str
    text: str
    caption: str
    line: int
    illustration: bool


def blocks_of(page: Path) -> list[Block]:
    """All fenced and indented code of a page."""
    lines = page.read_text(encoding="utf-8").split("\n")
    found: list[Block] = []
    place = 0
    while place < len(lines):
        fence = FENCE.match(lines[place])
        before = next((line for line in reversed(lines[:place]) if line.strip()), "")
        illustration = before.startswith("<!-- illustration")
        if fence:
            end = next(k for k in range(place + 1, len(lines)) if lines[k] == fence[1])
            inside = lines[place + 1 : end]
            options = [line for line in inside if re.match(r":\w+: ", line)] if fence[2] else []
            caption = next((o.removeprefix(":caption: ") for o in options if o.startswith(":caption: ")), "")
            text = "\n".join(inside[len(options) :]).strip("\n")
            if fence[2] in (None, "code-block"):
                found.append(Block(fence[3], text, caption, place + 1, illustration))
            place = end
        elif lines[place].startswith("    ") and place and not lines[place - 1].strip() and not before.startswith(("*", "    ", "  ")):
            found.append(Block("indented", lines[place], "", place + 1, illustration))
        place += 1
    return found


@dataclass
class Reader:
    """Somebody who does what a page says, in a folder of their own."""

    folder: Path
    names: dict[str, Any]

    def follow(self, block: Block) -> list[str]:
        """Does what a block says; returns what the page shows and the reader does not see."""
        if block.caption:
            (self.folder / block.caption).write_text(block.text + "\n", encoding="utf-8")
            return []
        if block.language == "python":
            return self.say(block.text)
        return [problem for command, shown in commands_of(block.text) for problem in missing(shown, self.type(command), command)]

    def say(self, code: str) -> list[str]:
        """Runs Python code; lines that it prints are shown by the page as comments that begin with `# ->`."""
        shown = [line.partition("# -> ")[2] for line in code.split("\n") if "# -> " in line]
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(compile(code, "<page>", "exec"), self.names)
        printed = told.getvalue()
        return [] if not shown or shown == printed.splitlines() else [f"shown: {shown}\nprinted: {printed.splitlines()}"]

    def type(self, command: str) -> str:
        """What a command prints; `canforget` runs in this process, for starting torch anew takes longer than the commands."""
        words = shlex.split(command)
        if words[0] != "canforget":
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            done = subprocess.run(
                command, shell=True, cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
            )
            return done.stdout
        told = io.StringIO()
        try:
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                main(words[1:])
        except SystemExit as left:
            if left.code not in (0, None):
                told.write(f"exit code {left.code}\n")
        return told.getvalue()


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """Every command of a console block, continued lines joined, with the lines shown below it."""
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in text.split("\n"):
        if line.startswith("$ ") or continued:
            command = line.removeprefix("$ ").strip()
            before = found.pop()[0] + " " if continued else ""
            continued = command.endswith("\\")
            found.append((before + command.removesuffix("\\").strip(), []))
        elif line.strip() and found:
            found[-1][1].append(line)
    return found


def missing(shown: list[str], printed: str, command: str) -> list[str]:
    """Lines that a page shows and that were not printed, in this order; `...` stands for lines left out."""
    printed_lines = [line for line in printed.split("\n") if line.strip()]
    place = 0
    for line in (s for s in shown if s.strip() != "..."):
        hit = next((k for k in range(place, len(printed_lines)) if alike(line, printed_lines[k])), None)
        if hit is None:
            return [f"{command}\nshown, and not printed: {line}\nprinted:\n{printed}"]
        place = hit + 1
    return []


def alike(shown: str, printed: str) -> bool:
    """Whether two lines say the same, words exactly and numbers nearly; `...` at the end stands for the rest of the line."""
    shown, open_end = shown.rstrip(), shown.rstrip().endswith("...")
    text = shown.removesuffix("...").rstrip() if open_end else shown
    words = [" ".join(NUMBER.sub("#", line).split()) for line in (text, printed)]
    if not (words[1].startswith(words[0]) if open_end else words[0] == words[1]):
        return False
    return all(near(float(a), float(b)) for a, b in zip(numbers_of(text), numbers_of(printed), strict=False))


def numbers_of(text: str) -> list[str]:
    """The numbers of a line without half-widths, which over three seeds are anything; signs as Python reads them."""
    return [found.replace("−", "-") for found in NUMBER.findall(re.sub(r"±\s*[\d.]+", "±", text))]


def near(a: float, b: float) -> bool:
    """Whether two numbers may be the same quantity on two machines."""
    points = NEAR if max(abs(a), abs(b)) > 1 else NEAR / 100
    return abs(a - b) <= max(points, OF_ITSELF * max(abs(a), abs(b)))
