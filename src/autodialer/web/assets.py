"""Where the bundled scripts and styles are; `make assets` makes them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from django.templatetags.static import static

from autodialer.domain.errors import AutodialerError

DIST: Final = Path(__file__).parent / "static" / "dist"


class AssetsMissingError(AutodialerError):
    """The scripts and styles were never bundled."""

    code = "assets_missing"


@cache
def asset_url(name: str) -> str:
    """Return the address of a bundled file by its plain name, such as `app.js`."""
    return static(f"dist/{manifest()[name]}")


@cache
def manifest() -> dict[str, str]:
    """Return the hashed name of each bundled file. Raises AssetsMissingError."""
    try:
        names: dict[str, str] = json.loads((DIST / "manifest.json").read_text())
    except FileNotFoundError:
        raise AssetsMissingError("Run `make assets`: the pages' scripts are missing.") from None
    return names
