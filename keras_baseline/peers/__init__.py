"""Ways to train a network with Keras, TensorFlow, JAX and torch, each as its own users would."""
