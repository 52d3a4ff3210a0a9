"""Adversaries: who tries to read gender from protected faces, from weak to strong."""
