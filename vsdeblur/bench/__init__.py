"""The benchmark: sharp high-rate clips are blurred by averaging, restored, and compared with what they were."""
