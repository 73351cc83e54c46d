"""How light becomes stored values, found from the clip: edges that motion has blurred are straight ramps in light."""
