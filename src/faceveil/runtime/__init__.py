"""Sessions, batches and files."""
