"""Metrics: pure functions of scores, embeddings and pictures."""
