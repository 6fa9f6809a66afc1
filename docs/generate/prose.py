"""Docstrings of ours as Markdown: paragraphs on one line, sections as lists, doctests and examples as code."""

import re
from textwrap import dedent

SECTION = re.compile(r"(Args|Returns|Raises|Yields):$")
ENTRY = re.compile(r"    (\S[^:]*): (.+)$")
ADDRESS = re.compile(r"(?<![<(`])https?://[^\s,;)`]+[^\s,;)`.]")


def as_markdown(docstring: str) -> str:
    """The docstring as Markdown that MyST reads.

    >>> print(as_markdown("Twice `x`,\\nin nats.\\n\\nArgs:\\n    x: A number,\\n        any."))
    Twice `x`, in nats.
    <BLANKLINE>
    **Args**
    <BLANKLINE>
    * `x`: A number, any.
    """
    blocks = re.split(r"\n\s*\n", dedent(docstring).strip("\n"))
    return "\n\n".join(block_as_markdown(block) for block in joined_doctests(blocks))


def joined_doctests(blocks: list[str]) -> list[str]:
    """Blocks of a docstring, with doctests that follow one another as one, and examples of commands apart from the text before them."""
    found: list[str] = []
    for block in blocks:
        text, *examples = re.split(r"\n(?=Example: )", block)
        if block.lstrip().startswith(">>>") and found and found[-1].lstrip().startswith(">>>"):
            found[-1] += "\n" + block
        else:
            found += [text, *examples]
    return found


def block_as_markdown(block: str) -> str:
    """A paragraph, a section, a doctest, an example, or a list as it is."""
    lines = block.split("\n")
    if lines[0].lstrip().startswith(">>>"):
        return f"```pycon\n{dedent(block)}\n```"
    if lines[0].startswith("Example: "):
        return f"```console\n$ {' '.join(line.strip() for line in lines).removeprefix('Example: ')}\n```"
    if SECTION.match(lines[0]):
        return section(lines)
    doctest = next((place for place, line in enumerate(lines) if line.startswith(">>>")), len(lines))
    text = " ".join(line.strip() for line in lines[:doctest])
    rest = "\n".join(lines[doctest:])
    return escaped(text) + (f"\n\n```pycon\n{rest}\n```" if rest else "")


def section(lines: list[str]) -> str:
    """`Args:` and the like as a list, one entry a line."""
    entries: list[str] = []
    for line in lines[1:]:
        entry = ENTRY.match(line)
        if entry and not line.startswith("     "):
            entries.append(f"* `{entry[1]}`: {entry[2]}")
        elif entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(f"* {line.strip()}")
    return f"**{lines[0].rstrip(':')}**\n\n" + "\n".join(escaped(entry) for entry in entries)


def escaped(text: str) -> str:
    """Text with what HTML would swallow made plain, outside of code; addresses become links.

    >>> escaped("a < b, `c < d`; see https://example.org/x.")
    'a &lt; b, `c < d`; see <https://example.org/x>.'
    """
    parts = re.split(r"(`+[^`]*`+)", text)
    return "".join(part if part.startswith("`") else ADDRESS.sub(r"<\g<0>>", part.replace("<", "&lt;")) for part in parts)


def cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
