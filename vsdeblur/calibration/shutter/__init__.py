"""How long the shutter was open, from the frames themselves."""
