// Defines one step of a simple recurrent network: h_t = tanh(x_t W + h_{t-1} U + b).

import { sums } from "./step.js";

/** Returns the state h after a timestep, from the input x and the state before it. */
export const simple_step = (x, h_prev, weights) => sums(x, h_prev, weights).map(Math.tanh);
