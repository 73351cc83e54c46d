"""What the camera did to the light: exposure, rolling shutter, clipping, noise."""
