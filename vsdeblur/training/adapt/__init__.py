"""Learning from the clip itself: bundled weights go on with the user's own clips, and are kept only where they win."""

KEY_FRAMES, INSTANTS, PICTURES = NETWORKS = ("key-frames", "instants", "pictures")  # that adapt
