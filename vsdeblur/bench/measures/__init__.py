"""How restored frames are judged: one measure a module, with its equation."""
