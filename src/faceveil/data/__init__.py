"""Data sets and packs."""
