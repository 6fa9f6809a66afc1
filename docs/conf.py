"""How Sphinx builds these pages: MyST, furo, a reference written from the source first; no network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "src")]

from canforget import __version__ as release  # noqa: E402
from canforget.file_io import write_atomically  # noqa: E402
from docs.generate.api import api_page  # noqa: E402
from docs.generate.commands import command_pages  # noqa: E402
from docs.generate.components import component_pages  # noqa: E402

project = "canforget"
author = "the canforget developers"
copyright = "the canforget developers; Apache-2.0"
version = release
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["generate"]
html_theme = "furo"
html_title = f"canforget {release}"
html_show_sphinx = False
html_copy_source = False
highlight_language = "text"
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]
"""Signatures name types of other libraries, which would have to be asked for over the network."""
python_maximum_signature_line_length = 100


def write_reference() -> None:
    """Writes the generated pages where Sphinx finds them; a page that is as it was is left alone, so that a second build is quick."""
    pages = {f"components/{name}": text for name, text in component_pages().items()}
    pages |= {f"commands/{name}": text for name, text in command_pages().items()} | {"python.md": api_page()}
    for name, text in pages.items():
        path = HERE / "generated" / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode())


write_reference()
