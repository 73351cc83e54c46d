"""What a file is and how it was filmed: streams, content, telemetry, calibration, and what restoring it costs."""
