"""Any instant rendered from the key frames around it, and made consistent with its exposure."""
