"""What turns crops and photos into protected ones."""
