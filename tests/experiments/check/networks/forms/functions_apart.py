import numpy as np


def feed_forward(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    e = np.exp(Z2 - Z2.max(axis=0))
    A2 = e / e.sum(axis=0)
    return Z1, A1, Z2, A2


def feed_backward(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = X.shape[1]
    wanted = np.zeros_like(A2)
    wanted[Y, np.arange(m)] = 1
    dZ2 = (A2 - wanted) / m
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    return dZ1.dot(X.T), dZ1.sum(1, keepdims=True), dZ2.dot(A1.T), dZ2.sum(1, keepdims=True)


table = np.loadtxt("a_file_that_is_not_there.csv", delimiter=",")
