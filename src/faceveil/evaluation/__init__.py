"""What protection did, measured: metrics, protocols and the check of a photo."""
