"""What a clip is made of: scene cuts, repeated frames, their cadence, and samples spread over it."""
