// Random numbers of tf.random.stateless_uniform: the generator Philox4x32-10.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

const FACTORS = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];
const ROUNDS = 10;
// TensorFlow's key for the mixing of a seed (core/kernels/stateless_random_ops.cc).
const SEED_KEY = [0x3ec8f720, 0x02461e29];

/** Returns the high 32 bits of a product of two unsigned integers of 32 bits. */
function high(a, b) {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // below 2 ** 49
  const low = (middle % 0x10000) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0;
}

/** Returns the four random integers of 32 bits for a counter and a key. */
export function philox(counter, key) {
  let [c0, c1, c2, c3] = counter, [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = high(FACTORS[0], c0), low0 = Math.imul(FACTORS[0], c0) >>> 0;
    const high1 = high(FACTORS[1], c2), low1 = Math.imul(FACTORS[1], c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + WEYL[0]) >>> 0;
    k1 = (k1 + WEYL[1]) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Returns the two halves of a signed integer as one of 64 bits, the low half first. */
const halves = (seed) => [seed >>> 0, seed < 0 ? 0xffffffff : 0];

/**
 * Returns `size` random numbers from `minimum` up to 1, as
 * `tf.random.stateless_uniform([size], seed, minimum, 1.0)` does.
 * @param seed Two signed integers of 32 bits.
 */
export function uniform(size, seed, minimum) {
  const mixed = philox([...halves(seed[0]), ...halves(seed[1])], SEED_KEY);
  const key = mixed.slice(0, 2);
  const numbers = new Float32Array(size);
  const low = Math.fround(minimum), range = Math.fround(1 - low);
  for (let at = 0; at < size; at += 4) {
    // Below 2 ** 34 numbers only the lowest of the counter's four words counts.
    const four = philox([at / 4, 0, mixed[2], mixed[3]], key);
    for (let n = at; n < Math.min(at + 4, size); n++) {
      const share = (four[n - at] & 0x7fffff) / 0x800000;
      numbers[n] = Math.fround(Math.fround(share * range) + low);
    }
  }
  return numbers;
}
