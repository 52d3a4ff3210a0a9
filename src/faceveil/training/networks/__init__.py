"""Networks, one per file; needs the train extra."""
