"""Backups: one signed file of everything that is stored, and the way back from it.

The shape of the file, and why it holds rows and no program: docs/adr/0015-backups.md.
"""
