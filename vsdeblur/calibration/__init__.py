"""What the camera did while it filmed, estimated from the clip: shutter, readout, response curve, gyroscope."""
