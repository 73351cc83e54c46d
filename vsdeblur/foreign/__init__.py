"""Models that users bring as files: what a small file beside them says, and how they are run."""
