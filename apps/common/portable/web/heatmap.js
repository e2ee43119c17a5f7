// A heat map on a canvas: fields to point at, with a line of column means above them.
// The server gives this file to its page; apps/common/explain/page.py inlines it.

const RAMPS = {
  one: [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]],
  two: [[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130],
    [178, 24, 43]],
  two_dark: [[146, 197, 222], [33, 102, 172], [32, 35, 42], [178, 24, 43],
    [244, 165, 130]],
};
const TOP = 64, LEFT = 64, RIGHT = 12; // LEFT has room for the colour scale
const FONT = "12px system-ui, sans-serif";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Returns the colour of a share from 0 to 1, or grey for NaN and infinity. */
function colour(ramp, share) {
  if (!Number.isFinite(share)) return [128, 128, 128];
  const stops = RAMPS[ramp];
  const x = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const n = Math.min(Math.floor(x), stops.length - 2);
  return stops[n].map((v, k) => Math.round(v + (x - n) * (stops[n + 1][k] - v)));
}

/** Sets a canvas's size in CSS pixels; returns a context that draws in CSS pixels. */
export function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = FONT;
  return context;
}

export class HeatMap {
  /**
   * @param box Element that contains the canvas and scrolls horizontally.
   * @param onSelect Called with the row and the column of the selected field.
   */
  constructor(box, onSelect) {
    this.box = box;
    this.onSelect = onSelect;
    this.at = [0, 0];
    this.map = null;
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    box.append(this.canvas);
    const point = (event) => this.point(event);
    this.canvas.addEventListener("pointermove", point);
    this.canvas.addEventListener("pointerdown", point);
    this.canvas.addEventListener("keydown", (event) => this.step(event));
    dark.addEventListener("change", () => this.redraw());
    this.width = 0;
    new ResizeObserver(() => {
      if (this.box.clientWidth && this.box.clientWidth !== this.width) this.redraw();
    }).observe(box);
  }

  /**
   * Shows a map.
   * @param map rows, columns, low and high (the range of the colours),
   *     value(row, column); optional: means, one for each column, and square, true if
   *     rows have the same labels as columns.
   * @param labels Labels of the columns.
   * @param summary Description for screen readers, one or more sentences.
   */
  show(map, labels, summary) {
    this.map = map;
    this.labels = labels;
    this.canvas.setAttribute("aria-label",
      `${summary} Arrow keys move over the fields.`);
    this.at = this.clip(...this.at);
    this.redraw();
    this.onSelect(...this.at);
  }

  /** Draws everything. The fields are drawn into a picture that `draw` reuses. */
  redraw() {
    if (!this.map) return;
    const { rows, columns, low, high, value } = this.map;
    this.ramp = low < 0 ? (dark.matches ? "two_dark" : "two") : "one";
    const picture = new ImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const share = (value(row, column) - low) / (high - low);
        picture.data.set([...colour(this.ramp, share), 255],
          4 * (row * columns + column));
      }
    }
    this.picture = new OffscreenCanvas(columns, rows);
    this.picture.getContext("2d").putImageData(picture, 0, 0);
    this.computeLayout();
    this.draw();
  }

  computeLayout() {
    const { rows, columns, means, square } = this.map;
    this.width = this.box.clientWidth;
    const context = this.canvas.getContext("2d");
    context.font = FONT;
    const longest = Math.max(...this.labels.map((label) =>
      context.measureText(shorten(label)).width));
    const left = square ? Math.max(LEFT, Math.min(170, longest + 8)) : LEFT;
    const room = Math.max(240, this.width) - left - RIGHT;
    const cell = Math.max(15, Math.min(48, Math.floor(room / columns)));
    const height = square ? Math.min(cell, 18) : Math.max(1, Math.min(18, 380 / rows));
    this.place = {
      cell, height, left, top: means ? TOP : 6, fields: height * rows,
      foot: Math.max(44, Math.min(170, longest + 14)),
    };
  }

  draw() {
    const { rows, columns, low, high, means, square } = this.map;
    const { cell, height, left, top, foot, fields } = this.place;
    const c = prepare(this.canvas, left + cell * columns + RIGHT, top + fields + foot);
    const style = getComputedStyle(this.canvas);
    const ink = style.color;
    const bottom = top + fields;
    c.imageSmoothingEnabled = false;
    c.drawImage(this.picture, left, top, cell * columns, fields);
    c.fillStyle = c.strokeStyle = ink;
    if (means) {
      c.fillText("mean", 2, TOP / 2 + 4);
      c.textAlign = "right";
      c.fillText(`${Number(high.toFixed(1))}`, left - 6, 12);
      c.fillText(`${Number(low.toFixed(1))}`, left - 6, TOP - 4);
      c.textAlign = "left";
      c.lineWidth = 2;
      c.beginPath();
      means.forEach((mean, n) => c.lineTo(left + (n + 0.5) * cell,
        TOP - 8 - Math.max(0, Math.min(1, (mean - low) / (high - low))) * (TOP - 16)));
      c.stroke();
      if (columns === 1) c.fillRect(left, TOP / 2, cell, 2);
    }
    c.lineWidth = 1;
    this.labels.forEach((label, n) => {
      c.save();
      c.translate(left + (n + 0.5) * cell - 4, bottom + 8);
      c.rotate(Math.PI / 2);
      c.fillText(shorten(label), 0, 0);
      c.restore();
      if (square && height > 10) {
        c.fillText(shorten(label), 2, top + (n + 0.5) * height + 4, left - 6);
      }
    });
    if (!square) c.fillText("units", 2, TOP + Math.min(fields, 40) / 2 + 4);
    for (let x = 0; x < 54; x++) { // the colour scale
      c.fillStyle = `rgb(${colour(this.ramp, x / 53)})`;
      c.fillRect(2 + x, bottom + 10, 1.5, 10);
    }
    c.fillStyle = ink;
    c.fillText(`${Number(low.toFixed(1))}`, 2, bottom + 34);
    c.textAlign = "right";
    c.fillText(`${Number(high.toFixed(1))}`, 57, bottom + 34);
    const [row, column] = this.at;
    c.strokeStyle = style.outlineColor;
    c.strokeRect(left + column * cell + 0.5, top + 0.5, cell - 1, fields - 1);
    c.lineWidth = 2;
    const tall = Math.max(height, 4);
    c.strokeRect(left + column * cell, top + row * height + (height - tall) / 2,
      cell, tall);
  }

  /** Selects the field under the pointer. */
  point(event) {
    if (!this.map) return;
    const { cell, height, left, top } = this.place;
    this.select(Math.floor((event.offsetY - top) / height),
      Math.floor((event.offsetX - left) / cell));
  }

  /** Selects a field by a key, and scrolls to it. */
  step(event) {
    if (!this.map) return;
    const [row, column] = this.at;
    const to = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, this.map.columns - 1],
      PageUp: [0, column], PageDown: [this.map.rows - 1, column],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    this.select(...to);
    const { left, cell } = this.place;
    const x = left + this.at[1] * cell;
    const { scrollLeft, clientWidth } = this.box;
    if (x < scrollLeft + left) this.box.scrollLeft = x - left;
    if (x + 60 > scrollLeft + clientWidth) this.box.scrollLeft = x + 60 - clientWidth;
  }

  /** Returns the field of the map that is nearest to a row and a column. */
  clip(row, column) {
    const nearest = (n, size) => Math.max(0, Math.min(size - 1, n));
    return [nearest(row, this.map.rows), nearest(column, this.map.columns)];
  }

  select(row, column) {
    const [wasRow, wasColumn] = this.at;
    this.at = this.clip(row, column);
    if (this.at[0] === wasRow && this.at[1] === wasColumn) return;
    this.draw();
    this.onSelect(...this.at);
  }
}

function shorten(label, longest = 24) {
  return label.length > longest ? `${label.slice(0, longest - 1)}…` : label;
}
