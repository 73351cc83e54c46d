"""Things that move on their own before a still camera, found in one picture."""
