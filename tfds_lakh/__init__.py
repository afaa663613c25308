"""The data set `lakh_pianoroll`: builder, sources, embedded corpus."""
