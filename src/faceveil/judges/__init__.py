"""Black boxes that look on: gender judges and face matchers, never seen by training."""
