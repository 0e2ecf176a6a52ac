"use strict";
// Text from the user's files reaches the page only through textContent and attributes, never as markup.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const { keypoints, colours, skeleton, frames, ranked, matrix } = data;
const byFrame = new Map(ranked.map((row) => [row.frame, row]));
const dark = matchMedia("(prefers-color-scheme: dark)");
const $ = (id) => document.getElementById(id);

// ---- small helpers -------------------------------------------------------------------------------------------

function made(namespace, tag, attributes, children) {
  const element = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
const html = (tag, attributes = {}, ...children) => made(null, tag, attributes, children);
const svg = (tag, attributes = {}, ...children) => made("http://www.w3.org/2000/svg", tag, attributes, children);

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
// Three significant digits, and never an exponent.
function number(value) {
  if (!known(value)) return "–";
  if (value !== 0 && Math.abs(value) < 1e-4) return "about 0";
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 }).replace("-", "−");
}
const signed = (value) => (known(value) && value >= 1e-4 ? "+" : "") + number(value);
// As many decimals as show two digits of `scale`, what the number is uncertain by.
function rounded(value, scale) {
  if (!known(value)) return "–";
  if (!known(scale) || scale <= 0) return signed(value);
  const digits = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(scale))));
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : `${value > 0 ? "+" : "−"}${size}`;
}
const plusMinus = (value, error) => known(error) ? `${rounded(value, error)} ± ${rounded(error, error).replace("+", "")}` : signed(value);
function valueWords(row) {
  const half = known(row.ci_low) ? (row.ci_high - row.ci_low) / 2 : null;
  const interval = known(half) ? ` [${rounded(row.ci_low, half)}, ${rounded(row.ci_high, half)}]` : "";
  const tested = `${rounded(row.value, half)}${interval} ${data.unit}`;
  return data.unit === "px" ? tested : `${signed(row.value_px)} px (${tested})`;
}
const withUnit = (text, unit) => unit ? `${text} ${unit}` : text;
let jpegs = null;
// Base64 of the frame's picture, empty where it has none; told apart when the first is asked for.
function picture(frame) {
  jpegs ??= $("pictures").textContent.split("\n");
  return jpegs[frame];
}
// The library of plots is large, so it is run when the first plot is asked for.
function runPlotly() {
  if (!window.Plotly) document.head.append(html("script", {}, $("plotly").textContent));
}
const frameName = (frame) => `${frames.videos[frames.video[frame]]}/${frames.image[frame]}`;

async function bytesOf(id) {
  const text = $(id).textContent;
  const packed = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).arrayBuffer();
}
const KINDS = { int8: Int8Array, int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
const unpacked = new Map();
function array(name) {  // a promise; each array is unpacked once
  if (!unpacked.has(name)) {
    unpacked.set(name, bytesOf(`array-${name}`).then((buffer) =>
      ({ ...data.arrays[name], codes: new KINDS[data.arrays[name].kind](buffer) })));
  }
  return unpacked.get(name);
}
// Codes of either sign, evenly spaced after asinh, as numbers: a table by code, offset by `zero`.
function signedTable({ kind, small, reach, missing }) {
  const steps = kind === "int8" ? 127 : 32767, table = new Float32Array(2 * steps + 2);
  for (let code = -steps; code <= steps; code++) table[code + steps + 1] = small * Math.sinh(code * reach);
  table[missing + steps + 1] = NaN;
  return { table, zero: steps + 1 };
}
const position = ({ codes, low, step, missing }, index) => codes[index] === missing ? NaN : low + step * codes[index];

// ---- drawing a frame -----------------------------------------------------------------------------------------

const cross = (x, y, r) => `M${x - r} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`;
const plus = (x, y, r) => `M${x - r} ${y}h${2 * r}M${x} ${y - r}v${2 * r}`;
const ring = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
const finite = (point) => Number.isFinite(point[0]) && Number.isFinite(point[1]);
const points = (source, frame) => keypoints.map((_, k) => {
  const at = 2 * (frame * keypoints.length + k);
  return [source.codes[at], source.codes[at + 1]];
});
const bonesOf = (pose) => skeleton.filter(([a, b]) => finite(pose[a]) && finite(pose[b]))
  .map(([a, b]) => `M${pose[a]}L${pose[b]}`).join("");

// The part of the image around `pose`, in the image's proportions.
function boxAround(pose, frame, least = 0.25) {
  const [width, height] = frames.size[frame], seen = pose.filter(finite);
  if (!seen.length) return [0, 0, width, height];
  const low = [0, 1].map((axis) => Math.min(...seen.map((p) => p[axis])));
  const high = [0, 1].map((axis) => Math.max(...seen.map((p) => p[axis])));
  const share = Math.min(1, Math.max(least, 1.4 * Math.max((high[0] - low[0]) / width, (high[1] - low[1]) / height)));
  const sides = [width * share, height * share];
  const start = [0, 1].map((axis) => Math.min(Math.max((low[axis] + high[axis] - sides[axis]) / 2, 0),
    frames.size[frame][axis] - sides[axis]));
  return [...start, ...sides];
}
const whole = (frame) => [0, 0, ...frames.size[frame]];
const markOf = (box) => 0.014 * Math.max(box[2], box[3]);

function drawn(frame, box, label, ...marks) {
  if (!picture(frame)) marks.unshift(svg("rect", { width: frames.size[frame][0], height: frames.size[frame][1], fill: "#555" }));
  return svg("svg", { class: "frame", viewBox: box.join(" "), role: "img", "aria-label": label },
    picture(frame) ? svg("image", { href: `data:image/jpeg;base64,${picture(frame)}`, width: frames.size[frame][0],
      height: frames.size[frame][1], preserveAspectRatio: "none" }) : null, ...marks);
}

// The skeleton of the labels, and of each keypoint a cross for the label, a circle for the consensus, and what joins them.
function labelled(label, consensus, r, chosen = null) {
  const marks = keypoints.map((name, k) => {
    const at = finite(label[k]) ? cross(...label[k], k === chosen ? 1.4 * r : r) : "";
    const there = finite(consensus[k]) ? ring(...consensus[k], r) : "", link = at && there ? `M${label[k]}L${consensus[k]}` : "";
    return svg("g", { class: k === chosen ? "mark chosen" : "mark", stroke: colours[k] }, svg("title", {}, name),
      svg("path", { class: "halo", d: link + at + there }), svg("path", { class: "links", d: link }),
      svg("path", { class: "labels", d: at }), svg("path", { class: "consensus", d: there }));
  });
  return [svg("path", { class: "bones", d: bonesOf(label) }), ...marks];
}

function withLabels(frame, labels, consensus, crop) {
  const label = points(labels, frame), there = points(consensus, frame);
  const box = crop ? boxAround([...label, ...there], frame) : whole(frame);
  return drawn(frame, box, `Frame ${frame} with its labels and the consensus`, ...labelled(label, there, markOf(box)));
}

// ---- the gallery ---------------------------------------------------------------------------------------------

const PAGE = 24;
const KIND = { "check label": "bad", harmful: "bad", "worse than average": "bad", helpful: "good", "better than average": "good" };
const SORTS = {  // what is compared, smallest first
  suspicion: (row) => row.rank,
  value_harmful: (row) => known(row.value) ? -row.value : Infinity,
  value_helpful: (row) => known(row.value) ? row.value : Infinity,
  absolute_value: (row) => known(row.absolute_value) ? -row.absolute_value : Infinity,
  out_of_bag_error: (row) => known(row.out_of_bag_error) ? -row.out_of_bag_error : Infinity,
  memorization: (row) => known(row.memorization) ? row.memorization : Infinity,
  frame: (row) => row.frame,
  ...Object.fromEntries(Object.keys(data.methods).map((name) => [name, (row) => known(row[name]) ? -row[name] : Infinity])),
};
const reaches = ranked.flatMap((row) => [row.ci_low, row.ci_high, row.value]).filter(known).map(Math.abs).sort((a, b) => a - b);
const reach = reaches.length ? reaches[Math.floor(0.98 * (reaches.length - 1))] || 1 : 1;
let page = 0;

function chosenRows() {
  const [video, keypoint, verdict] = ["video", "keypoint-out", "verdict"].map((id) => $(id).value);
  const key = SORTS[$("sort").value];
  return ranked
    .filter((row) => (video === "" || frames.video[row.frame] === Number(video))
      && (keypoint === "" || row.keypoint === Number(keypoint)) && (verdict === "" || row.verdict === verdict)
      && (row.flagged || !$("flagged").checked))
    .map((row) => [key(row), row]).sort((a, b) => a[0] - b[0] || a[1].rank - b[1].rank)
    .map(([, row]) => row);
}

function intervalBar(row) {
  if (!known(row.value)) return null;
  const x = (value) => 100 + 96 * Math.max(-1, Math.min(1, value / reach));
  return svg("svg", { class: `interval ${KIND[row.verdict] ?? "open"}`, viewBox: "0 0 200 16", preserveAspectRatio: "none",
    role: "img", "aria-label": `value and interval ${valueWords(row)}` },
    svg("line", { x1: 0, x2: 200, y1: 8, y2: 8 }), svg("line", { class: "zero", x1: 100, x2: 100, y1: 0, y2: 16 }),
    known(row.ci_low) ? svg("line", { class: "bar", x1: x(row.ci_low), x2: x(row.ci_high), y1: 8, y2: 8 }) : null,
    svg("line", { class: "dot", x1: x(row.value), x2: x(row.value), y1: 8, y2: 8 }));
}

function card(row, labels, consensus) {
  return html("li", { class: "card", "data-frame": row.frame },
    picture(row.frame) ? withLabels(row.frame, labels, consensus, $("crop").checked) : html("div", { class: "nothing" }, "no picture"),
    html("h3", {}, frames.image[row.frame], html("span", {}, row.flagged ? html("span", { class: "verdict bad" }, "flagged") : null,
      row.flagged && row.verdict === "check label" ? null
        : html("span", { class: `verdict ${KIND[row.verdict] ?? "open"}` }, row.verdict))),
    html("p", { class: "name" }, `${frames.videos[frames.video[row.frame]]} · frame ${row.frame} · labels to check: rank ${row.rank}`),
    row.check ? html("p", {}, row.check) : null,
    known(row.value) ? html("p", { class: "value" }, `value ${valueWords(row)}`) : null,
    intervalBar(row), html("p", {}, row.reason),
    matrixRow.has(row.frame) ? html("button", { type: "button", class: "link", onclick: () => strongestPair(row.frame) },
      `What frame ${row.frame} does to others`) : null);
}

async function showGallery() {
  const [labels, consensus] = await Promise.all([array("labels"), array("out_of_bag_consensus")]);
  const rows = chosenRows(), pages = Math.max(1, Math.ceil(rows.length / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  $("gallery").replaceChildren(...rows.slice(page * PAGE, (page + 1) * PAGE).map((row) => card(row, labels, consensus)));
  $("gallery-said").textContent = rows.length ? `${rows.length} of ${ranked.length} frames, showing ${page * PAGE + 1} to `
    + `${Math.min((page + 1) * PAGE, rows.length)}.` : "No frame is like that; choose less.";
  $("page-number").textContent = `page ${page + 1} of ${pages}`;
  $("previous").disabled = page === 0;
  $("next").disabled = page === pages - 1;
}

const options = (select, names) => $(select).append(...names.map(([value, text]) => html("option", { value }, text)));

function startGallery() {
  options("video", frames.videos.map((name, index) => [index, name]));
  options("keypoint-out", keypoints.map((name, index) => [index, name]));
  options("verdict", Object.entries(Object.groupBy(ranked, (row) => row.verdict)).map(([name, rows]) => [name, `${name} (${rows.length})`]));
  options("sort", Object.entries(data.methods).filter(([name]) => ranked.some((row) => known(row[name])))
    .map(([name, title]) => [name, `${title}, most harmful first`]));
  $("gallery-controls").addEventListener("change", () => { page = 0; showGallery(); });
  $("gallery-controls").addEventListener("submit", (event) => event.preventDefault());
  for (const [id, step] of [["previous", -1], ["next", 1]]) {
    $(id).addEventListener("click", async () => { page += step; await showGallery(); $("gallery").scrollIntoView({ block: "start" }); });
  }
  return showGallery();
}

// ---- the influence matrix ------------------------------------------------------------------------------------

const matrixRow = new Map(matrix.rows.map((frame, index) => [frame, index]));
const total = frames.pool.length;
const MEAN = keypoints.length;  // the panel of the mean over keypoints
const panels = matrix.keypoints ? keypoints.length : 1;
let shown = null;  // { score, panel, values, rows, columns, rowOf, columnOf }
let chosen = null;  // [training frame, evaluated frame]

async function partOf(score, part) {
  const name = `${score.name}_${part}`, packed = await array(name);
  packed.lookup ??= signedTable(packed);
  return packed;
}
function valueAt(packed, panel, training, evaluated) {
  const cells = matrix.rows.length * total, at = matrixRow.get(training) * total + evaluated;
  return packed.lookup.table[packed.codes[panel * cells + at] + packed.lookup.zero];
}
// One panel as numbers, [rows, total] in the order of the file; the mean leaves out what is missing.
function panelValues(packed, panel) {
  const cells = matrix.rows.length * total, { table, zero } = packed.lookup, { codes } = packed;
  const values = new Float32Array(cells);
  if (panel !== MEAN || panels === 1) {
    const start = panel === MEAN ? 0 : panel * cells;
    for (let i = 0; i < cells; i++) values[i] = table[codes[start + i] + zero];
    return values;
  }
  const counts = new Uint8Array(cells);
  for (let k = 0; k < panels; k++) {
    for (let i = 0, at = k * cells; i < cells; i++, at++) {
      const value = table[codes[at] + zero];
      if (value === value) { values[i] += value; counts[i]++; }
    }
  }
  for (let i = 0; i < cells; i++) values[i] = counts[i] ? values[i] / counts[i] : NaN;
  return values;
}

const mix = (a, b, share) => a.map((value, index) => Math.round(value + (b[index] - value) * share));
const ENDS = { false: { blue: [0, 83, 143], red: [165, 58, 0], middle: [250, 250, 250], missing: [205, 208, 212] },
  true: { blue: [90, 190, 255], red: [255, 140, 66], middle: [24, 27, 31], missing: [72, 78, 84] } };
// 255 colours from one end over 0 to the other.
function palette(flipped) {
  const { blue, red, middle } = ENDS[dark.matches && !printing], low = flipped ? red : blue, high = flipped ? blue : red;
  return Array.from({ length: 255 }, (_, i) => i < 127 ? mix(middle, low, ((127 - i) / 127) ** 0.8) : mix(middle, high, ((i - 127) / 127) ** 0.8));
}

// A cell a pixel, as a bitmap of 256 colours: a PNG of a million cells takes too long to compress.
function pictureOf(values, rows, columns, limit, flipped) {
  const HEAD = 54 + 4 * 256, stride = Math.ceil(columns.length / 4) * 4;
  const bytes = new Uint8Array(HEAD + stride * rows.length), view = new DataView(bytes.buffer);
  [[0, 0x4d42, 2], [2, bytes.length, 4], [10, HEAD, 4], [14, 40, 4], [18, columns.length, 4], [22, -rows.length, 4], [26, 1, 2], [28, 8, 2],
    [46, 256, 4]].forEach(([at, value, size]) => size === 2 ? view.setUint16(at, value, true) : view.setInt32(at, value, true));
  [...palette(flipped), ENDS[dark.matches && !printing].missing].forEach(([r, g, b], i) => bytes.set([b, g, r], 54 + 4 * i));
  rows.forEach((row, number) => {
    const start = matrixRow.get(row) * total, line = HEAD + number * stride;
    for (let i = 0; i < columns.length; i++) {
      const value = values[start + columns[i]];
      bytes[line + i] = value === value ? 127 + Math.round(127 * Math.max(-1, Math.min(1, value / limit))) : 255;
    }
  });
  return `data:image/bmp;base64,${base64(bytes)}`;
}
function base64(bytes) {
  if (bytes.toBase64) return bytes.toBase64();
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

function ordered() {
  const order = $("order").value;
  const key = order === "frame" ? (frame) => frame
    : order === "value" ? (frame) => SORTS.value_harmful(byFrame.get(frame)) : (frame) => byFrame.get(frame).rank;
  const sorted = (list) => [...list].sort((a, b) => key(a) - key(b) || a - b);
  const rows = sorted(matrix.rows), all = [...Array(total).keys()];
  return { rows, columns: [...sorted(all.filter((f) => frames.pool[f])), ...all.filter((f) => !frames.pool[f])] };
}

let printing = false;
const ink = () => printing ? "#000" : getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const faint = () => printing ? "#bbb" : getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
const CONFIG = { displaylogo: false, responsive: true, doubleClick: "reset", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
const PAPER = 680;  // px that fit on A4 between the margins
const bare = () => ({ width: printing ? PAPER : undefined, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "system-ui, sans-serif", color: ink() },
  modebar: { bgcolor: "rgba(0,0,0,0)", color: faint(), activecolor: ink() } });

// About eight frame numbers along the part of an axis that is in view.
function ticks(list, range) {
  const [low, high] = [Math.max(0, Math.ceil(Math.min(...range))), Math.min(list.length - 1, Math.floor(Math.max(...range)))];
  const step = Math.max(1, Math.ceil((high - low) / 8)), places = [];
  for (let at = low; at <= high; at += step) places.push(at);
  return { tickvals: places, ticktext: places.map((at) => String(list[at])) };
}

function shapes() {
  const line = (x) => ({ type: "line", x0: x, x1: x, y0: -0.5, y1: shown.rows.length - 0.5, line: { color: ink(), width: 1.5 } });
  const pool = shown.columns.filter((frame) => frames.pool[frame]).length, drawn = [line(pool - 0.5)];
  if (chosen && shown.rowOf.has(chosen[0])) {
    const [x, y] = [shown.columnOf.get(chosen[1]), shown.rowOf.get(chosen[0])];
    const guide = { type: "line", line: { color: ink(), width: 1, dash: "dot" }, opacity: 0.5 };
    drawn.push({ ...guide, x0: x, x1: x, y0: -0.5, y1: shown.rows.length - 0.5 },
      { ...guide, x0: -0.5, x1: shown.columns.length - 0.5, y0: y, y1: y },
      { type: "rect", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, line: { color: ink(), width: 2.5 } });
  }
  return drawn;
}

async function showMatrix(keepView = true) {
  const score = matrix.scores[Number($("score").value)], panel = Number($("keypoint").value);
  const packed = await partOf(score, "value");
  const order = ordered(), values = shown && shown.score === score && shown.panel === panel ? shown.values : panelValues(packed, panel);
  shown = { score, panel, values, ...order, rowOf: new Map(order.rows.map((f, i) => [f, i])), columnOf: new Map(order.columns.map((f, i) => [f, i])) };
  // For errors less is better; for confidence and probability more is.
  const flipped = score.unit === "", limit = score.limits[matrix.keypoints ? panel : 0];
  const source = pictureOf(values, shown.rows, shown.columns, limit, flipped);
  const scale = palette(flipped).map((colour, i) => [i / 254, `rgb(${colour})`]);
  const plot = $("matrix"), old = keepView && plot.layout ? plot.layout : null;
  const full = { x: [-0.5, shown.columns.length - 0.5], y: [shown.rows.length - 0.5, -0.5] };
  const view = { x: old ? [...old.xaxis.range] : full.x, y: old ? [...old.yaxis.range] : full.y };
  const axis = { showgrid: false, zeroline: false, ticks: "outside", automargin: true, autorange: false };
  await Plotly.react(plot, [
    { type: "scatter", x: [null], y: [null], hoverinfo: "skip", showlegend: false, marker: { color: [0], cmin: -limit, cmax: limit,
      colorscale: scale, showscale: true, colorbar: { title: { text: withUnit("with − without", score.unit), side: "right" }, thickness: 14 } } },
  ], { ...bare(), margin: { l: 60, r: 10, t: 30, b: 50 }, dragmode: "zoom", hovermode: false, shapes: shapes(),
    images: [{ source, xref: "x", yref: "y", x: -0.5, y: -0.5, sizex: shown.columns.length, sizey: shown.rows.length, sizing: "stretch", layer: "below" }],
    xaxis: { ...axis, title: { text: "evaluated frame (pool, then held out)" }, range: view.x, ...ticks(shown.columns, view.x) },
    yaxis: { ...axis, title: { text: "training frame" }, range: view.y, ...ticks(shown.rows, view.y) } }, CONFIG);
}

async function sayCell(training, evaluated) {
  const { score, panel } = shown, error = await partOf(score, "standard_error");
  const value = shown.values[matrixRow.get(training) * total + evaluated];
  const mean = panel === MEAN, se = mean ? null : valueAt(error, panel, training, evaluated);
  const of = mean ? "mean of keypoints" : keypoints[panel];
  $("cell-said").textContent = known(value)
    ? `Training frame ${training} on evaluated frame ${evaluated}, ${of}: ${withUnit(plusMinus(value, se), score.unit)}.`
    : `Training frame ${training} on evaluated frame ${evaluated}, ${of}: no label, or not known.`;
}

async function choose(training, evaluated) {
  chosen = [training, evaluated];
  [$("training").value, $("evaluated").value] = chosen;
  $("pair-error").textContent = "";
  await Promise.all([showPair(training, evaluated), sayCell(training, evaluated), Plotly.relayout($("matrix"), { shapes: shapes() })]);
}

// The held-out frame on which a training frame does most.
async function strongestPair(training) {
  $("influence").open = true;
  await started("influence");
  const start = matrixRow.get(training) * total;
  const others = shown.columns.filter((frame) => !frames.pool[frame] && known(shown.values[start + frame]));
  const best = others.reduce((a, b) => Math.abs(shown.values[start + b]) > Math.abs(shown.values[start + a]) ? b : a, others[0] ?? 0);
  await choose(training, best);
  $("pair").scrollIntoView({ block: "start" });
}

async function startMatrix() {
  const WORDS = { error: "error (px)", log_error: "log error", variance: "variance between subsets (px²)",
    confidence: "confidence at the label", probability: "probability at the label" };
  options("score", matrix.scores.map((score, index) => [index, WORDS[score.name] ?? score.name]));
  options("keypoint", [[MEAN, "mean of keypoints"], ...(matrix.keypoints ? keypoints.map((name, index) => [index, name]) : [])]);
  for (const [id, keep] of [["score", true], ["keypoint", true], ["order", false]]) {
    $(id).addEventListener("change", async () => {
      await showMatrix(keep);
      if (chosen) await choose(...chosen);
    });
  }
  $("matrix-controls").addEventListener("submit", (event) => event.preventDefault());
  await showMatrix();
  const plot = $("matrix");
  // The cell under the mouse; null outside. Plotly takes the picture for one thing.
  const cell = (event) => {
    const box = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
    const x = event.clientX - box.x - xaxis._offset, y = event.clientY - box.y - yaxis._offset;
    if (x < 0 || y < 0 || x >= xaxis._length || y >= yaxis._length) return null;
    const found = [shown.rows[Math.round(yaxis.p2d(y))], shown.columns[Math.round(xaxis.p2d(x))]];
    return found.includes(undefined) ? null : found;
  };
  let pressed = null;
  plot.addEventListener("mousedown", (event) => { pressed = event; }, true);
  addEventListener("mouseup", (event) => {
    const still = pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < 4;
    if (still && pressed.button === 0 && cell(event)) choose(...cell(event));
    pressed = null;
  }, true);
  plot.addEventListener("mousemove", (event) => { if (!pressed && cell(event)) sayCell(...cell(event)); });
  plot.on("plotly_relayout", (change) => {
    if (Object.keys(change).every((key) => key === "shapes" || key.includes("tick"))) return;
    const [across, down] = [ticks(shown.columns, plot.layout.xaxis.range), ticks(shown.rows, plot.layout.yaxis.range)];
    Plotly.relayout(plot, { "xaxis.tickvals": across.tickvals, "xaxis.ticktext": across.ticktext,
      "yaxis.tickvals": down.tickvals, "yaxis.ticktext": down.ticktext });
  });
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [row, column] = chosen ? [shown.rowOf.get(chosen[0]), shown.columnOf.get(chosen[1])] : [0, 0];
    const bound = (value, list) => Math.min(Math.max(value, 0), list.length - 1);
    choose(shown.rows[bound(row + step[0], shown.rows)], shown.columns[bound(column + step[1], shown.columns)]);
  });
  $("pair-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [training, evaluated] = [Number($("training").value), Number($("evaluated").value)];
    if (!matrixRow.has(training)) $("pair-error").textContent = `Frame ${training} is no training frame of the matrix; take one of the pool.`;
    else if (!(evaluated in frames.pool)) $("pair-error").textContent = `There is no frame ${evaluated}; frames are 0 to ${total - 1}.`;
    else choose(training, evaluated);
  });
}

// ---- one pair of frames --------------------------------------------------------------------------------------

// Positions of networks or subsets at one frame, on the side of those whose subset holds the training frame or not.
function sides(source, subsets, inclusion, training, evaluated) {
  return subsets.map((subset, row) => ({
    holds: inclusion.codes[subset * total + training] === 1,
    pose: keypoints.map((_, k) => {
      const at = 2 * ((row * total + evaluated) * keypoints.length + k);
      return [position(source, at), position(source, at + 1)];
    }),
    row,
  }));
}
const meanOf = (values) => values.length ? values.reduce((a, b) => a + b, 0) / values.length : NaN;

function marks(rows, wanted, r, strength = () => 1) {
  const looks = { with: (p) => ring(...p, r), without: (p) => cross(...p, r) };
  return ["without", "with"].flatMap((side) => rows.filter((row) => row.holds === (side === "with")).map((row) =>
    svg("path", { class: side, opacity: strength(row), d: wanted.map((k) => row.pose[k]).filter(finite).map(looks[side]).join("") })));
}

function partsOfPairs() {
  return Promise.all([array("labels"), array("inclusion"), array("consensus"), partOf(shown.score, "value"), partOf(shown.score, "standard_error"),
    ...(data.arrays.distractors ? [array("distractors"), array("distractor_confidence")] : [])]);
}

async function showPair(training, evaluated) {
  const [labels, inclusion, consensus, value, error, distractors, confidence] = await partsOfPairs();
  const { score, panel } = shown, wanted = panel === MEAN ? keypoints.map((_, k) => k) : [panel];
  const of = panel === MEAN ? "all keypoints" : keypoints[panel];
  const rows = sides(consensus, data.subsets, inclusion, training, evaluated);
  const own = points(labels, training), target = points(labels, evaluated);
  const targets = (r) => svg("path", { class: "target", d: wanted.map((k) => target[k]).filter(finite).map((p) => plus(...p, 1.6 * r)).join("") });
  const subsets = (holds) => {
    const count = rows.filter((row) => row.holds === holds).length;
    return `${count} subset${count === 1 ? "" : "s"}`;
  };
  const close = boxAround([...wanted.map((k) => target[k]), ...middleOf(rows, wanted)], evaluated, 0.12);
  const figure = (caption, picture) => html("figure", {}, html("figcaption", {}, caption), picture);
  const r = markOf(whole(training)), small = markOf(whole(evaluated)) * 0.6, near = markOf(close) * 0.6;
  const drawnPair = [
    figure(`training frame ${training} with its labels: ${frameName(training)}`, drawn(training, whole(training), `Training frame ${training} with its labels`,
      svg("path", { class: "bones", d: bonesOf(own) }), svg("path", { class: "halo", d: own.filter(finite).map((p) => cross(...p, r)).join("") }),
      svg("path", { class: "labels", stroke: "#ffb000", d: own.filter(finite).map((p) => cross(...p, r)).join("") }))),
    figure(`evaluated frame ${evaluated}${frames.pool[evaluated] ? "" : " (held out)"}: ${frameName(evaluated)}`, drawn(evaluated, whole(evaluated),
      `Evaluated frame ${evaluated}, detections of ${of}`, ...marks(rows, wanted, small), targets(small),
      svg("rect", { class: "box", x: close[0], y: close[1], width: close[2], height: close[3] }))),
    figure("the box enlarged", drawn(evaluated, close, `Evaluated frame ${evaluated} around its label`, ...marks(rows, wanted, near), targets(near))),
  ];
  if (distractors) {
    const places = sides(distractors, data.distractor_subsets, inclusion, training, evaluated);
    const shade = (row) => 0.15 + 0.85 * Math.max(...wanted.map((k) => confidence.codes[(row.row * total + evaluated) * keypoints.length + k])) / 255;
    drawnPair.push(figure("distractors: each network's highest peak away from the label, fainter the less confident", drawn(evaluated, whole(evaluated),
      `Distractor map of ${of} in frame ${evaluated}`, ...marks(places, wanted, 1.4 * small, shade), targets(small))));
  }
  $("pair").replaceChildren(
    html("h3", {}, `Training frame ${training} → evaluated frame ${evaluated}`),
    html("p", {}, sentence(training, evaluated, score, panel, value, error)),
    html("p", { class: "legend" }, html("span", { class: "key with" }, "●"), ` ${subsets(true)} with frame ${training}`,
      html("span", { class: "key without" }, "×"), ` ${subsets(false)} without it`, html("span", { class: "key label" }, "+"), " label",
      " · each mark is the consensus of one subset"),
    html("div", { class: "pair" }, ...drawnPair),
    html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The pair in numbers" }, pairTable(rows, target, score, value, error, training, evaluated)),
    frames.pool[evaluated] ? html("p", { class: "note" }, "The evaluated frame is itself trained on in some of the subsets.") : "");
}

// Where the crop should reach: detections without the farthest on each side.
function middleOf(rows, wanted) {
  const seen = rows.flatMap((row) => wanted.map((k) => row.pose[k])).filter(finite);
  const at = (axis, share) => { const list = seen.map((p) => p[axis]).sort((a, b) => a - b); return list[Math.round(share * (list.length - 1))]; };
  return seen.length ? [[at(0, 0.03), at(1, 0.03)], [at(0, 0.97), at(1, 0.97)]] : [];
}

function sentence(training, evaluated, score, panel, value, error) {
  const mean = panel === MEAN, cell = mean ? shown.values[matrixRow.get(training) * total + evaluated] : valueAt(value, panel, training, evaluated);
  if (!known(cell)) return "This influence is not known: there is no label, or there are no subsets to compare.";
  const se = mean ? null : valueAt(error, panel, training, evaluated), what = mean ? "the mean over keypoints" : keypoints[panel];
  const sure = `${mean ? "" : "± standard error; "}between subsets of the same size, by the ${score.name === "error" ? "error" : "score"} of single networks`;
  if (score.name === "error") {
    const size = plusMinus(Math.abs(cell), se).replace("+", "");
    return `Training on frame ${training} moves ${what} ${size} px ${cell > 0 ? "farther from" : "nearer to"} its label in frame ${evaluated} (${sure}).`;
  }
  return `Training on frame ${training} changes this score of ${what} in frame ${evaluated} by ${withUnit(plusMinus(cell, se), score.unit)} (${sure}).`;
}

function pairTable(rows, target, score, value, error, training, evaluated) {
  const head = ["keypoint", withUnit("influence ± standard error", score.unit && `(${score.unit})`), "mean error with (px)", "mean error without (px)"];
  const away = (holds, k) => meanOf(rows.filter((row) => row.holds === holds && finite(row.pose[k])).map((row) =>
    Math.hypot(row.pose[k][0] - target[k][0], row.pose[k][1] - target[k][1])).filter(Number.isFinite));
  const influence = (k) => matrix.keypoints
    ? plusMinus(valueAt(value, k, training, evaluated), valueAt(error, k, training, evaluated)) : "–";
  return html("table", {}, html("caption", {}, "Mean errors are of the consensus, over subsets of all sizes"),
    html("thead", {}, html("tr", {}, ...head.map((text) => html("th", { scope: "col" }, text)))),
    html("tbody", {}, ...keypoints.map((name, k) => html("tr", { class: shown.panel === k ? "chosen" : null }, html("th", { scope: "row" }, name),
      html("td", {}, influence(k)), html("td", {}, number(away(true, k))), html("td", {}, number(away(false, k)))))));
}

// {{ mend.js }}

// ---- start, colours, print -----------------------------------------------------------------------------------

// What a question shows is made when it is first opened: the page opens at once, and a plot knows how wide it is.
const PARTS = {
  mend: startMending,
  frames: startGallery,
  influence: async () => {
    runPlotly();
    await startMatrix();
    (window.requestIdleCallback ?? setTimeout)(partsOfPairs);  // unpacked before the first click asks for them
  },
};
const begun = new Map();
function started(id) {  // a promise
  if (!begun.has(id)) begun.set(id, PARTS[id]().then(() => { $(id).dataset.ready = "true"; }));
  return begun.get(id);
}

async function recolour() {
  if (begun.has("influence")) await showMatrix();
}

function start() {
  document.documentElement.classList.add("js");
  for (const id of Object.keys(PARTS)) {
    $(id).addEventListener("toggle", () => { if ($(id).open) started(id); });
  }
  dark.addEventListener("change", recolour);
  addEventListener("beforeprint", () => { printing = true; recolour(); });
  addEventListener("afterprint", () => { printing = false; recolour(); });
  document.documentElement.dataset.ready = "true";
}
start();
})();
