"""Segments: runs of whole chunks, each restored with all its neighbours, encoded alone, and joined without encoding.

A chunk is a pure function of the source and the arguments, so work can be taken up, and shared out, at any chunk.
"""
