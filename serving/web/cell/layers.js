// The four layers of the unit, by the names of lstm_step.

/**
 * Each its title; its letter and what stands below the letter of its weights; its function;
 * its place in the packed sums; and what its value says.
 */
export const LAYERS = {
  f: { title: "forget gate", letter: "f", below: "f", activation: "sigmoid", block: 1,
    says: "the share of the cell state that is kept" },
  i: { title: "input gate", letter: "i", below: "i", activation: "sigmoid", block: 0,
    says: "the share of the candidate that is written" },
  c_tilde: { title: "candidate", letter: "C̃", below: "C", activation: "tanh", block: 2,
    says: "what could be written" },
  o: { title: "output gate", letter: "o", below: "o", activation: "sigmoid", block: 3,
    says: "the share of the cell state that is shown" },
};
export const GATES = ["f", "i", "o"]; // the candidate is none

/** Returns the place of a unit's sum in the packed sums. */
export const column = (layer, unit, units) => LAYERS[layer].block * units + unit;
