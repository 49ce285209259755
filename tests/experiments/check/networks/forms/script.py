import numpy as np

g = np.random.RandomState(8)
samples = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
labels = np.array([[0.0, 1, 1, 0]]).T
inner = g.uniform(-1, 1, (3, 5))
outer = g.uniform(-1, 1, (5, 1))


def logistic(v, slope=False):
    return v * (1 - v) if slope else 1 / (1 + np.exp(-v))


for round_ in range(10**9):
    middle = logistic(samples @ inner)
    answer = logistic(middle @ outer)
    missed = labels - answer
    push = missed * logistic(answer, slope=True)
    push_back = push @ outer.T * logistic(middle, slope=True)
    outer += middle.T @ push
    inner += samples.T @ push_back
    if round_ % 1000 == 0:
        print(np.mean(np.abs(missed)))
