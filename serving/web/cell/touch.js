// What a reader changes in the network: gates held, the cell state wiped, words left out.

import { column } from "./layers.js";
import { BLOCKS } from "./step.js";

/**
 * A list of changes:
 *   `{ kind: "gate", gate, open, layer, units, from, to }` holds a gate at 1 or at 0, from
 *     one timestep to another; `units` are numbers, or null, which means all;
 *   `{ kind: "wipe", layer, t }` sets the cell state to 0 before a timestep;
 *   `{ kind: "out", t }` leaves a word out.
 * The equations of step.js stay as they are: a gate whose sum is infinite is 1 or 0.
 */
export class Touch {
  constructor(changes = []) {
    this.changes = changes;
  }

  get isEmpty() {
    return this.changes.length === 0;
  }

  isOut(t) {
    return this.changes.some((each) => each.kind === "out" && each.t === t);
  }

  sums(layer, t, z) {
    const held = z.slice(), units = z.length / BLOCKS;
    for (const { kind, gate, open, ...each } of this.changes) {
      if (kind !== "gate" || each.layer !== layer || t < each.from || t > each.to) continue;
      for (const unit of each.units ?? Array(units).keys()) {
        held[column(gate, unit, units)] = open ? Infinity : -Infinity;
      }
    }
    return held;
  }

  isWiped(layer, t) {
    return this.changes.some((each) =>
      each.kind === "wipe" && each.layer === layer && each.t === t);
  }

  cellState(layer, t, c_prev) {
    return this.isWiped(layer, t) ? c_prev.map(() => 0) : c_prev;
  }

  /** Returns this with one more change; one that is there already stays once. */
  with(change) {
    const written = JSON.stringify(change);
    const others = this.changes.filter((each) => JSON.stringify(each) !== written);
    return new Touch([...others, change]);
  }

  without(change) {
    return new Touch(this.changes.filter((each) => each !== change));
  }
}
