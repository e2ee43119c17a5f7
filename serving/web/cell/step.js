// Defines one step of an LSTM: the equations, with the names and in the order of
// lstm_layer/step.py. Read the two side by side.

// A packed weight has one block of `units` columns for each of i, f, C~ and o.
export const BLOCKS = 4;

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const times = (a, b) => a.map((value, unit) => value * b[unit]);
const plus = (a, b) => a.map((value, unit) => value + b[unit]);
const split = (z) => Array.from({ length: BLOCKS }, (_, n) =>
  z.slice(n * z.length / BLOCKS, (n + 1) * z.length / BLOCKS));

/** Returns the product of a row and a matrix, which is packed row by row. */
export function product(row, matrix) {
  const columns = matrix.length / row.length;
  const sum = new Float64Array(columns);
  row.forEach((value, n) => {
    for (let column = 0; column < columns; column++) {
      sum[column] += value * matrix[n * columns + column];
    }
  });
  return sum;
}

/** Returns the sums x_t W + h_{t-1} U + b of all four blocks, side by side. */
export const sums = (x, h_prev, { kernel, recurrent_kernel, bias }) =>
  plus(plus(product(x, kernel), product(h_prev, recurrent_kernel)), bias);

/**
 * Computes gates, cell state and output from the four sums of one timestep.
 * @param z The sums x_t W + h_{t-1} U + b, packed i, f, C~, o.
 * @param c_prev The cell state C_{t-1}.
 */
export function lstm_step(z, c_prev, activation = Math.tanh,
  recurrent_activation = sigmoid) {
  const [z_i, z_f, z_c, z_o] = split(z);

  // Group 1.1, forget gate: 0 forgets everything, 1 keeps everything.
  const f = z_f.map(recurrent_activation);
  // Group 1.2, the forget gate applied to the previous cell state.
  const kept = times(f, c_prev);

  // Group 2.1, input gate (which values to update) and candidate values.
  const i = z_i.map(recurrent_activation);
  const c_tilde = z_c.map(activation);
  // Group 2.2, the candidate values scaled by the input gate.
  const written = times(i, c_tilde);

  // Groups 1 and 2 together: the new cell state.
  const c = plus(kept, written);

  // Group 3, output gate: which parts of the cell state to output.
  const o = z_o.map(recurrent_activation);
  const h = times(o, c.map(activation));
  return { f, kept, i, c_tilde, written, c, o, h };
}
