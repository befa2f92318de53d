"""Whole campaigns in virtual time: the real engine, its stand-ins, chance, faults, an oracle."""
