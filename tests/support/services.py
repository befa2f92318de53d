"""The services that are told who acts, found by their signatures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Final

import autodialer.apps

APPS: Final = Path(autodialer.apps.__path__[0])


def needed(module: str) -> set[str]:
    """Return what a function of a module is told that makes it one that acts for somebody.

    Elsewhere than in a `services.py`, what is not told the time only reads.
    """
    return {"actor"} if module == "services" else {"actor", "now"}


def told_who_acts() -> Iterator[str]:
    """Yield app and name of every public function that acts for somebody."""
    for path in sorted(APPS.glob("*/*.py")):
        app = path.parent.name
        module = import_module(f"autodialer.apps.{app}.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if _is_public(function, module.__name__) and needed(path.stem) <= _told(function):
                yield f"{app}.{name}"


def _is_public(function: FunctionType, module: str) -> bool:
    return function.__module__ == module and not function.__name__.startswith("_")


def _told(function: FunctionType) -> set[str]:
    return set(inspect.signature(function).parameters)
