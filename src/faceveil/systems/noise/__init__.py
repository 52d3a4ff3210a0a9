"""Adversarial noise: PGD and Carlini-Wagner."""
