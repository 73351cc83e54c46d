"""Between a host's stored values and linear light."""
