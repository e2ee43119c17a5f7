// Turns the outputs of a signature `gates` into heat maps.

export const TITLES = {
  f: "forget gate f", i: "input gate i", c_tilde: "candidate C~",
  c: "cell state C", o: "output gate o", h: "output h",
};
export const HELD = "held";
const RANGES = { f: [0, 1], i: [0, 1], o: [0, 1], c_tilde: [-1, 1], h: [-1, 1] };
const MAX_TIMESTEPS = 120; // later timesteps are not shown

/**
 * The gates of one layer for one input: `labels` of the timesteps, `gates` by name, each
 * a list of timesteps with a list of units, and `order`, the units in descending order
 * of their mean forget gate. If a backward layer reads more than MAX_TIMESTEPS, the
 * state that it carries from later timesteps is left out.
 */
class Trace {
  constructor(layer, outputs) {
    const all = outputs[`${layer}_tokens`][0] ?? [];
    const real = all.flatMap((label, n) => (label === "" ? [] : [n]));
    const kept = real.slice(0, MAX_TIMESTEPS);
    this.layer = layer;
    this.leftOut = real.length - kept.length;
    this.backwards = layer.startsWith("backward");
    this.labels = kept.map((n) => all[n]);
    this.gates = Object.fromEntries(Object.keys(TITLES).map((name) =>
      [name, kept.map((n) => outputs[`${layer}_${name}`][0][n])]));
    this.units = this.gates.f[0]?.length ?? 0;
    const keeps = Array.from({ length: this.units }, (_, unit) =>
      mean(this.gates.f.map((step) => step[unit])));
    this.order = keeps.map((_, unit) => unit).sort((a, b) => keeps[b] - keeps[a]);
  }

  /** Returns the mean over the units at each timestep. */
  means(name) {
    return this.gates[name].map(mean);
  }

  /** Returns the map of a gate for `HeatMap`: rows are units, columns timesteps. */
  map(name) {
    if (name === HELD) return this.held();
    const [low, high] = RANGES[name] ?? [-this.bound(), this.bound()];
    return {
      title: TITLES[name], rows: this.units, columns: this.labels.length, low, high,
      value: (row, column) => this.gates[name][column][this.order[row]],
      rowName: (row) => `unit ${this.order[row]}`,
      means: this.means(name),
    };
  }

  /** Returns the 98th percentile of |C|, the limit of the colour scale. */
  bound() {
    const sizes = this.gates.c.flat().map(Math.abs).filter(Number.isFinite);
    sizes.sort((a, b) => a - b);
    return Math.max(sizes[Math.floor(0.98 * (sizes.length - 1))] ?? 0, 1e-6);
  }

  /**
   * Returns the map of the share of timestep s (column) in the cell state at t (row).
   * The contribution i * C~ of s is multiplied by the later forget gates; shares are of
   * absolute contributions, summed over the units.
   */
  held() {
    const { f, i, c_tilde: candidate } = this.gates;
    const length = this.labels.length;
    const shares = this.labels.map(() => new Array(length).fill(0));
    const steps = this.labels.map((_, n) => (this.backwards ? length - 1 - n : n));
    steps.forEach((from, place) => {
      const rest = f[from].map((_, unit) =>
        Math.abs(i[from][unit] * candidate[from][unit]));
      for (const at of steps.slice(place)) {
        if (at !== from) rest.forEach((_, unit) => { rest[unit] *= f[at][unit]; });
        shares[at][from] = rest.reduce((sum, value) => sum + value, 0);
      }
    });
    for (const row of shares) {
      const sum = Math.max(row.reduce((a, b) => a + b, 0), 1e-12);
      row.forEach((value, n) => { row[n] = value / sum; });
    }
    return {
      title: "still held", rows: length, columns: length, low: 0, high: 1,
      value: (row, column) => shares[row][column],
      rowName: (row) => `held at ${shown(this.labels[row])}`,
      square: true,
    };
  }

  /** Describes a map for screen readers, in one or two sentences. */
  summary(name) {
    const map = this.map(name);
    const size = `${map.title} of layer ${this.layer} over ${map.columns} timesteps`;
    if (map.square) return `Heat map, ${size}: how much each timestep holds of the others.`;
    const ranked = map.means.map((value, n) => [value, shown(this.labels[n])])
      .sort((a, b) => b[0] - a[0]);
    const describe = ([value, label]) => `“${label}” (${value.toFixed(2)})`;
    return `Heat map, ${size} and ${map.rows} units. Mean over the units by timestep: ` +
      `highest at ${describe(ranked[0])}, lowest at ${describe(ranked.at(-1))}.`;
  }
}

/** Returns a `Trace` for each layer in the outputs of a signature `gates`. */
export function tracesOf(outputs) {
  // Encoders of the text come first, then the question reader or the decoder.
  const key = (layer) => Number(/question|decoder/.test(layer)) +
    layer.replace(/^(forward|backward)_/, "");
  return Object.keys(outputs)
    .filter((name) => name.endsWith("_tokens"))
    .map((name) => name.slice(0, -"_tokens".length))
    .filter((layer) => `${layer}_f` in outputs)
    .sort((a, b) => key(a).localeCompare(key(b), "en", { numeric: true }) ||
      b.localeCompare(a))
    .map((layer) => new Trace(layer, outputs))
    .filter((trace) => trace.labels.length);
}

/** Returns a token with visible white space. */
export function shown(label) {
  return label.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/^ +$/, "␣");
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
