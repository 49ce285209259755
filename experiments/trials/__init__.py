"""One trial: its data, training, timing and result; the store and the folder of a run."""
