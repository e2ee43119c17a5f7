// Arrays for the graphs, and the nested lists that the page has.

const ARRAYS = { int32: Int32Array, float32: Float32Array, bool: Uint8Array };

/** Returns an array with its type and sizes, as the graphs take and return them. */
export const tensor = (type, data, dims) =>
  ({ type, data: ARRAYS[type].from(data), dims });

/** Returns rows of ids as one array, padded at the end with 0. */
export function padded(rows) {
  const longest = Math.max(0, ...rows.map((row) => row.length));
  const data = new Int32Array(rows.length * longest);
  rows.forEach((row, n) => data.set(row, n * longest));
  return { type: "int32", data, dims: [rows.length, longest] };
}

/** Returns nested lists of numbers as an array; `dims` are its sizes. */
export const floats = (nested, dims) => tensor("float32", nested.flat(Infinity), dims);

/** Returns an array as nested lists. */
export function nested({ data, dims }) {
  let items = Array.from(data);
  for (const size of dims.slice(1).reverse()) {
    const count = size ? items.length / size : dims[0];
    items = Array.from({ length: count }, (_, n) => items.slice(n * size, (n + 1) * size));
  }
  return items;
}

/** Returns the number `n` of an array's rows, without copying it. */
export function rowOf({ data, dims }, n) {
  const size = dims.slice(1).reduce((a, b) => a * b, 1);
  return data.subarray(n * size, (n + 1) * size);
}

/** Returns an array of chosen rows of another. */
export function gathered(array, places) {
  const { type, data, dims } = array;
  const size = dims.slice(1).reduce((a, b) => a * b, 1);
  const result = new ARRAYS[type](places.length * size);
  places.forEach((place, n) => result.set(rowOf(array, place), n * size));
  return { type, data: result, dims: [places.length, ...dims.slice(1)] };
}

/** Returns the probabilities for logits, or their logarithms. */
export function softmax(logits, { log = false } = {}) {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return log
    ? Array.from(logits, (value) => value - top - Math.log(sum))
    : powers.map((power) => power / sum);
}
