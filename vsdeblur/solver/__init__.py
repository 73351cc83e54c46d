"""The inverse problem and its solvers: E1, E2 on all sub-frames, E2 on key frames, and rendering any instant."""
