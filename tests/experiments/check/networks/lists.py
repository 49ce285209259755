"""The class form without NumPy: lists of Python numbers, one sample after the other."""

import math


class Lists:
    def __init__(self, architecture, weights):
        self.layers = [(layer["name"], layer["activation"]) for layer in architecture["layers"]]
        self.w = {name: value.tolist() for name, value in weights.items()}

    def _activations(self, sample):
        activations = [sample]
        for name, kind in self.layers:
            kernel, bias = self.w[f"{name}/kernel"], self.w[f"{name}/bias"]
            z = [
                sum(a * row[j] for a, row in zip(activations[-1], kernel, strict=True)) + bias[j]
                for j in range(len(bias))
            ]
            activations.append(
                [max(v, 0.0) if kind == "relu" else 1 / (1 + math.exp(-v)) for v in z]
            )
        return activations

    def gradients(self, x, y):
        samples, targets = x.tolist(), y.tolist()
        loss = 0.0
        gradients = {
            name: [[0.0] * len(v) for v in value] if name.endswith("kernel") else [0.0] * len(value)
            for name, value in self.w.items()
        }
        for sample, (target,) in zip(samples, targets, strict=True):
            activations = self._activations(sample)
            (p,) = activations[-1]
            loss -= math.log(p if target else 1 - p) / len(samples)
            d = [(p - target) / len(samples)]
            for i in reversed(range(len(self.layers))):
                name = self.layers[i][0]
                kernel = self.w[f"{name}/kernel"]
                for j, dj in enumerate(d):
                    gradients[f"{name}/bias"][j] += dj
                    for k, a in enumerate(activations[i]):
                        gradients[f"{name}/kernel"][k][j] += a * dj
                back = [sum(r * dj for r, dj in zip(row, d, strict=True)) for row in kernel]
                if i and self.layers[i - 1][1] == "relu":
                    d = [b * (a > 0) for b, a in zip(back, activations[i], strict=True)]
                else:
                    d = [b * a * (1 - a) for b, a in zip(back, activations[i], strict=True)]
        return loss, gradients
