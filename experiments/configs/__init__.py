"""One module a configuration; `base` holds what they share."""
