"""Training of the project's own networks; imported by ``vsdeblur train`` alone."""
