"""Gates that an LSTM could have: random, and the cell state that follows from them."""

import numpy as np

from lstm_layer.gates import NAMES


def random_gates(timesteps, units=4, backwards=False):
    rng = np.random.default_rng(timesteps)
    gates = {name: rng.uniform(0.1, 0.9, (timesteps, units)) for name in NAMES}
    c = np.zeros(units)
    for t in range(timesteps)[:: -1 if backwards else 1]:
        c = gates["f"][t] * c + gates["i"][t] * gates["c_tilde"][t]
        gates["c"][t] = c
    return gates
