"""Bridges: from a first restoration of a picture whose blur is known, step by step, to a sharp picture."""
