// The page of an explanation: chooses a layer and a map, and shows the selected value.
// page.py inlines this file after heatmap.js, which defines `HeatMap`.

const $ = (id) => document.getElementById(id);
const layers = JSON.parse($("data").textContent).map((layer) =>
  ({ ...layer, maps: layer.maps.map((map) => unpack(map, layer)) }));
const heatMap = new HeatMap($("maps"), showValue);

/** Returns a map for `HeatMap.show`: each byte is a share of the range low to high. */
function unpack({ bytes, ...map }, { labels, units }) {
  const { rows, columns, low, high } = map;
  const shares = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  const value = (row, column) =>
    low + (shares[row * columns + column] / 255) * (high - low);
  const mean = (column) => Array.from({ length: rows }, (_, row) => value(row, column))
    .reduce((sum, each) => sum + each, 0) / rows;
  return {
    ...map,
    value,
    means: Array.from({ length: columns }, (_, column) => mean(column)),
    rowName: (row) => (map.square ? `held at ${labels[row]}` : `unit ${units[row]}`),
  };
}

function chosen() {
  const layer = layers[$("layer").value];
  return { layer, map: layer.maps[$("map").value] };
}

function show() {
  const { layer, map } = chosen();
  heatMap.show(map, layer.labels, `Heat map: ${map.title} of layer ${layer.name}.`);
}

function showValue(row, column) {
  const { layer, map } = chosen();
  $("value").textContent =
    `${map.rowName(row)}, ${layer.labels[column]}: ${map.value(row, column).toFixed(2)}`;
}

layers.forEach((layer, n) => $("layer").add(new Option(layer.name, n)));
layers[0].maps.forEach((map, n) => $("map").add(new Option(map.title, n)));
$("layer").addEventListener("change", show);
$("map").addEventListener("change", show);
show();
