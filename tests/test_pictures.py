"""Pictures of the pages: none is missing in the documentation, none is left over."""

from __future__ import annotations

import re

from tools.screenshots import IMAGES, LOOKS
from tools.sources import ROOT


def test_every_picture_is_shown_and_every_page_has_one_in_each_look() -> None:
    shown = set(re.findall(r"images/([\w-]+\.png)", (ROOT / "docs/reference/pages.md").read_text()))
    assert shown == {file.name for file in IMAGES.iterdir()}
    pages = {name.rpartition("-")[0] for name in shown}
    assert shown == {f"{page}-{look.name}.png" for page in pages for look in LOOKS}
