"""Networks run here: sessions, devices, precision."""
