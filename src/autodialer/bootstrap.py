"""Composition root: builds the engine and its adapters from settings."""

from __future__ import annotations
