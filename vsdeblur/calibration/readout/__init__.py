"""How long a rolling shutter takes from the first row to the last, from the frames themselves."""
