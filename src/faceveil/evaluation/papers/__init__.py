"""Protocols of single papers that the common figures do not cover, by name."""
