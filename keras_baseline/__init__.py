"""The same network in Keras; the only package that imports Keras and its backends."""
