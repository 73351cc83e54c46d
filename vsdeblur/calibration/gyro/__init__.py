"""The camera's path from its gyroscope."""
