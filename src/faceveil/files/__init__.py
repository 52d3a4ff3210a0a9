"""Files in and out: paths, batches, memory, reports."""
