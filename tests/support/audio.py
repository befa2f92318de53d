"""How loud one frequency is in a recording."""

from __future__ import annotations

import cmath
import math
import wave
from array import array
from pathlib import Path


def seconds(recording: Path) -> float:
    """The length of a WAV file."""
    with wave.open(str(recording)) as wav:
        return float(wav.getnframes() / wav.getframerate())


def level(recording: Path, hz: float, start_s: float = 0.0, end_s: float | None = None) -> float:
    """The amplitude of `hz` between two times, on the scale of 16-bit samples (0 to 32767)."""
    with wave.open(str(recording)) as wav:
        rate = wav.getframerate()
        samples = array("h", wav.readframes(wav.getnframes()))
    chosen = samples[int(start_s * rate) : None if end_s is None else int(end_s * rate)]
    turn = -2j * math.pi * hz / rate
    total = sum(sample * cmath.exp(turn * index) for index, sample in enumerate(chosen))
    return float(2 * abs(total) / max(1, len(chosen)))
