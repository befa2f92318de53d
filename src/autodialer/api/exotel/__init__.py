"""Exotel's addresses, bodies and spellings, so that programs written for it work against us.

What is the same and what is not stands in docs/reference/exotel.md.
"""
