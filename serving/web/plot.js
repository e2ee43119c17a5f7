// Plots the last seconds of a stream: a line per label, a mark per detected word.

import { DEFAULTS, isWord } from "./detector.js";
import { el } from "./dom.js";
import { prepare } from "./heatmap.js"; // in apps/common/portable/web

const SECONDS = 6;
const HEIGHT = 190, LEFT = 34, RIGHT = 8, TOP = 22, FOOT = 22;

export class Plot {
  /** @param box Element for the canvas and the names of the lines. */
  constructor(box) {
    this.canvas = el("canvas", { role: "img" });
    this.names = el("ul", { class: "names" });
    box.append(this.canvas, this.names);
    this.drawn = 0;
    this.clear([], 1);
    new ResizeObserver(() => this.draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
      () => this.draw());
  }

  clear(labels, frameS, threshold = DEFAULTS.threshold) {
    this.labels = labels;
    this.frameS = frameS;
    this.threshold = threshold;
    this.rows = [];
    this.first = 0; // number of the first frame in `rows`
    this.marks = [];
    this.words = labels.filter(isWord);
    this.names.replaceChildren(...labels.map((label) =>
      el("li", { "--hue": this.hue(label), class: isWord(label) ? "" : "none" },
        isWord(label) ? label : label.replaceAll("_", " ").trim())));
    this.draw();
  }

  hue(label) {
    return Math.round((360 * this.words.indexOf(label)) / (this.words.length || 1));
  }

  add(rows, detections) {
    this.rows.push(...rows);
    this.marks.push(...detections);
    const spare = this.rows.length - Math.ceil(SECONDS / this.frameS);
    if (spare > 0) {
      this.rows.splice(0, spare);
      this.first += spare;
    }
    const begin = this.first * this.frameS;
    this.marks = this.marks.filter(({ timeS }) => timeS >= begin);
    cancelAnimationFrame(this.drawn);
    this.drawn = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const width = this.canvas.parentElement?.clientWidth ?? 0;
    if (!width) return;
    const c = prepare(this.canvas, width, HEIGHT);
    const style = getComputedStyle(this.canvas);
    const light = style.getPropertyValue("--line-light") || "45%";
    const across = width - LEFT - RIGHT, down = HEIGHT - TOP - FOOT;
    const x = (seconds) => LEFT + ((seconds - this.first * this.frameS) / SECONDS) * across;
    const y = (score) => TOP + (1 - score) * down;
    c.fillStyle = c.strokeStyle = style.color;
    for (const score of [0, 0.5, 1]) c.fillText(score.toFixed(1), 6, y(score) + 4);
    c.globalAlpha = 0.4;
    c.setLineDash([4, 4]);
    c.beginPath();
    c.moveTo(LEFT, y(this.threshold));
    c.lineTo(width - RIGHT, y(this.threshold));
    c.stroke();
    c.setLineDash([]);
    c.strokeRect(LEFT, TOP, across, down);
    c.globalAlpha = 1;
    const begin = Math.ceil(this.first * this.frameS);
    for (let second = begin; second <= begin + SECONDS; second++) {
      if (x(second) < width - 20) c.fillText(`${second} s`, x(second) - 2, HEIGHT - 6);
    }
    c.lineWidth = 2;
    this.labels.forEach((label, n) => {
      c.strokeStyle = isWord(label) ? `hsl(${this.hue(label)} 70% ${light})` : "#8888";
      c.beginPath();
      this.rows.forEach((row, frame) =>
        c.lineTo(x((this.first + frame + 1) * this.frameS), y(row[n])));
      c.stroke();
    });
    c.lineWidth = 1;
    for (const { word, timeS } of this.marks) {
      c.strokeStyle = c.fillStyle = style.color;
      c.beginPath();
      c.moveTo(x(timeS), TOP - 4);
      c.lineTo(x(timeS), TOP + down);
      c.stroke();
      c.fillText(word, Math.min(x(timeS) - 4, width - 40), TOP - 8);
    }
    const heard = this.marks.map(({ word }) => word).join(", ") || "none";
    this.canvas.setAttribute("aria-label",
      `Probability of each word over the last ${SECONDS} seconds. Heard: ${heard}.`);
  }
}
