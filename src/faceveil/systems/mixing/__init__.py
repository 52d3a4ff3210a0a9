"""Mixing: faces moved towards strangers of the wanted gender."""
