"""A page that shows the gates and needs nothing else: no server, no network."""

import base64
import html
import json

import numpy as np

from apps.common.explain.traces import TITLES

RANGES = {"f": (0, 1), "i": (0, 1), "o": (0, 1), "c_tilde": (-1, 1), "h": (-1, 1)}
HELP = """Each column is a timestep, each row a unit, those that keep most on top.
Where the <b>forget gate</b> is bright, the unit keeps what its cell
state held; where it is dark, it lets go. The <b>input gate</b> says how much of the
<b>candidate</b> is written, the <b>output gate</b> how much of the <b>cell state</b> is
shown to the next layer as <b>output</b>. The line above a map is the mean over the
units. <b>Still held</b> takes the cell state apart: in row t, the share of what column
s wrote and the forget gates since have let through. That is exact along the cell's own
line, and it says nothing of what went round through the gates. Point at a field, or
move with the arrow keys, to read its value."""
STYLE = """
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--faint:#777}
@media(prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#16181c;--faint:#999}}
body{font:16px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:75rem;
padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.2rem;overflow-wrap:anywhere}p{max-width:48rem}
.answer{font-weight:600;overflow-wrap:anywhere}
.maps{overflow-x:auto}canvas{display:block;outline-offset:2px}
select,label{font:inherit}.value{min-height:1.6em;color:var(--faint)}
"""
SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const unpack = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
for (const layer of data) for (const map of layer.maps) map.bytes = unpack(map.bytes);
let at = [0, 0];
const shown = () => {
  const layer = data[$("layer").value];
  return [layer, layer.maps[$("map").value]];
};
const value = (map, row, column) =>
  map.low + map.bytes[row * map.columns + column] / 255 * (map.high - map.low);
const ramps = {
  one: [[68,1,84],[59,82,139],[33,145,140],[94,201,98],[253,231,37]],
  two: [[33,102,172],[146,197,222],[247,247,247],[244,165,130],[178,24,43]]};
function colour(map, share) {
  const stops = ramps[map.low < 0 ? "two" : "one"], x = share * (stops.length - 1);
  const n = Math.min(Math.floor(x), stops.length - 2), part = x - n;
  return "rgb(" + stops[n].map((v, k) => Math.round(v + part * (stops[n + 1][k] - v)))
    .join(",") + ")";
}
function draw() {
  const [layer, map] = shown(), canvas = $("canvas"), c = canvas.getContext("2d");
  const width = Math.max(14, Math.min(48, 1000 / map.columns)), top = 70, foot = 110;
  const height = Math.max(2, Math.min(18, 420 / map.rows)), left = 90;
  const ink = getComputedStyle(document.body).color;
  canvas.width = left + width * map.columns + 10;
  canvas.height = top + height * map.rows + foot;
  canvas.map = {width, height, top, left};
  for (let r = 0; r < map.rows; r++) for (let s = 0; s < map.columns; s++) {
    c.fillStyle = colour(map, map.bytes[r * map.columns + s] / 255);
    c.fillRect(left + s * width, top + r * height, Math.ceil(width), Math.ceil(height));
  }
  c.strokeStyle = c.fillStyle = ink; c.font = "12px system-ui"; c.beginPath();
  for (let s = 0; s < map.columns; s++) {
    let mean = 0;
    for (let r = 0; r < map.rows; r++) mean += value(map, r, s) / map.rows;
    const y = top - 8 - (mean - map.low) / (map.high - map.low || 1) * (top - 16);
    c.lineTo(left + (s + 0.5) * width, y);
  }
  c.stroke();
  c.fillText("mean", 4, top / 2);
  for (let s = 0; s < map.columns; s++) {
    c.save(); c.translate(left + (s + 0.65) * width, canvas.height - foot + 8);
    c.rotate(Math.PI / 2); c.fillText(layer.labels[s].slice(0, 16), 0, 0); c.restore();
  }
  if (map.square && height > 8) for (let r = 0; r < map.rows; r++)
    c.fillText(layer.labels[r].slice(0, 12), 4, top + (r + 0.8) * height);
  const low = canvas.height - foot + 12;  // the scale of the colours
  for (let x = 0; x < 64; x++) {
    c.fillStyle = colour(map, x / 63); c.fillRect(4 + x, low, 1, 10);
  }
  c.fillStyle = ink; c.fillText(+map.low.toFixed(1), 4, low + 24);
  c.textAlign = "right"; c.fillText(+map.high.toFixed(1), 68, low + 24);
  c.textAlign = "left";
  c.strokeRect(left + at[1] * width, top + at[0] * height, width, height);
  const held = "held at " + layer.labels[at[0]];
  const row = map.square ? held : "unit " + layer.units[at[0]];
  $("value").textContent = `${row}, ${layer.labels[at[1]]}: ` +
    value(map, at[0], at[1]).toFixed(2);
}
function point(row, column) {
  const map = shown()[1];
  at = [Math.max(0, Math.min(map.rows - 1, row)),
        Math.max(0, Math.min(map.columns - 1, column))];
  draw();
}
$("canvas").onmousemove = event => {
  const box = $("canvas").map;
  point(Math.floor((event.offsetY - box.top) / box.height),
        Math.floor((event.offsetX - box.left) / box.width));
};
$("canvas").onkeydown = event => {
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
                ArrowRight: [0, 1]}[event.key];
  if (step) { point(at[0] + step[0], at[1] + step[1]); event.preventDefault(); }
};
$("layer").onchange = $("map").onchange = () => point(...at);
data.forEach((layer, n) => $("layer").add(new Option(layer.name, n)));
data[0].maps.forEach((map, n) => $("map").add(new Option(map.name, n)));
draw();
"""


def page(explanation):
    """Returns a page, HTML, for an `Explanation`."""
    layers = []
    for trace in explanation.traces:
        order = trace.order()
        maps = []
        for name, title in TITLES.items():
            values, bound = trace.gates[name][:, order].T, trace.bound()
            maps.append(_map(title, values, *RANGES.get(name, (-bound, bound))))
        maps.append({**_map("still held", trace.shares(), 0, 1), "square": True})
        layers.append(
            {
                "name": trace.layer,
                "labels": trace.labels,
                "units": order.tolist(),
                "maps": maps,
            }
        )
    data = json.dumps(layers).replace("<", "\\u003c")
    title, answer = html.escape(explanation.title), html.escape(explanation.answer)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Gates: {title[:80]}</title>
<meta name="viewport" content="width=device-width">
<style>{STYLE}</style>
<h1>{title}</h1>
<p class="answer">{answer}</p>
<p><label>Layer <select id="layer"></select></label>
<label>Shown <select id="map"></select></label></p>
<p class="value" id="value" aria-live="polite"></p>
<div class="maps"><canvas id="canvas" tabindex="0" role="img"
aria-label="Heat map; arrow keys move over its fields"></canvas></div>
<p>{HELP}</p>
<script type="application/json" id="data">{data}</script>
<script>{SCRIPT}</script>
</html>
"""


def _map(name, values, low, high):
    """Returns a heat map as the script reads it, a byte a field."""
    share = (values - low) / max(high - low, 1e-12)
    fields = np.round(255 * np.clip(share, 0, 1)).astype("uint8")
    return {
        "name": name,
        "rows": len(values),
        "columns": values.shape[1],
        "low": low,
        "high": high,
        "bytes": base64.b64encode(fields.tobytes()).decode(),
    }
