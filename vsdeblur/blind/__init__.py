"""Per-frame blind deblurring: the blur of a picture from itself, pixel by pixel, and the picture without it."""
