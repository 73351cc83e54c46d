"""The streaming engine: windows of frames, the memory plan, tiles and cuts, in front of the solvers."""
