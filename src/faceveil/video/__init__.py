"""Clips: people followed from frame to frame, and changed without flicker."""
