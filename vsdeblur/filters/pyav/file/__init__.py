"""Media files: reading, encoding, copying the other streams, and writing a target that is whole or not there."""
