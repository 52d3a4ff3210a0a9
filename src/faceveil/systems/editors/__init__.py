"""Gender-AN and PrivacyNet: GANs that edit attributes."""
