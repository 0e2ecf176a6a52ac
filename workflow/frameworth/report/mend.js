// ---- mending labels ------------------------------------------------------------------------------------------
// Part of page.js. What a person changes stays in the browser (localStorage) until it is downloaded.

const MEND_KEY = `frameworth corrections ${data.labels_digest}`;
const order = ranked.filter((row) => known(row.suspicion)).map((row) => row.frame);
const mended = new Map();  // frame -> { right: bool, points: Map(keypoint -> [x, y] or null) }
const undone = [];  // what a frame was before each change: [frame, its state as text]
const mending = { at: 0, keypoint: 0, crop: true, box: null, labels: null, places: null, dragging: null };

const stateOf = (frame) => mended.get(frame) ?? { right: false, points: {} };
const frameNow = () => order[mending.at];
const pointOf = (source, frame, k) => { const point = points(source, frame)[k]; return finite(point) ? point : null; };
const original = (frame, k) => pointOf(mending.labels, frame, k);
const place = (frame, k) => pointOf(mending.places, frame, k);
const current = (frame, k) => { const own = stateOf(frame).points; return k in own ? own[k] : original(frame, k); };
const poseNow = (frame) => keypoints.map((_, k) => current(frame, k) ?? [NaN, NaN]);
const isChanged = (frame) => Object.keys(stateOf(frame).points).length > 0;

function stored(action) {  // a page that may not store still works; it is said once
  try { return action(localStorage); } catch { $("mend-stored").hidden = false; return null; }
}
function keep() {
  stored((store) => store.setItem(MEND_KEY, JSON.stringify([...mended])));
}
function change(frame, next, said) {
  undone.push([frame, JSON.stringify(stateOf(frame))]);
  mended.set(frame, next);
  if (!next.right && !Object.keys(next.points).length) mended.delete(frame);
  keep();
  showMending(said);
}
function put(k, point, said) { putAll({ [k]: point }, said); }
function putAll(moved, said) {
  const frame = frameNow(), own = { ...stateOf(frame).points };
  for (const [k, point] of Object.entries(moved)) {
    const was = original(frame, k);
    const bounded = point && [0, 1].map((axis) => Math.min(Math.max(point[axis], 0), frames.size[frame][axis]));
    if ((was === null && point === null) || (was && point && was[0] === bounded[0] && was[1] === bounded[1])) delete own[k];
    else own[k] = bounded;
  }
  change(frame, { right: stateOf(frame).right, points: own }, said);
}
const median = (values) => { const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2; };
const labelledNow = (frame) => keypoints.map((_, k) => k).filter((k) => current(frame, k));

// All labels by what is typically missing from them to the networks' places.
function moveAll() {
  const frame = frameNow(), which = labelledNow(frame), seen = which.filter((k) => place(frame, k));
  if (!seen.length) return showMending("The networks see none of these keypoints.");
  const by = [0, 1].map((axis) => median(seen.map((k) => place(frame, k)[axis] - current(frame, k)[axis])));
  const moved = which.map((k) => [k, current(frame, k).map((value, axis) => value + by[axis])]);
  return putAll(Object.fromEntries(moved), `All labels are moved by ${by[0].toFixed(1)} px across and ${by[1].toFixed(1)} px down.`);
}
// With the label whose keypoint the networks see nearest to this one.
function exchange() {
  const frame = frameNow(), k = mending.keypoint, here = current(frame, k);
  const others = labelledNow(frame).filter((other) => other !== k && place(frame, other));
  if (!here || !others.length) return showMending("There is no label to exchange it with.");
  const far = (other) => Math.hypot(...place(frame, other).map((value, axis) => value - here[axis]));
  const partner = others.reduce((best, other) => far(other) < far(best) ? other : best);
  return putAll({ [k]: current(frame, partner), [partner]: here }, `${keypoints[k]} and ${keypoints[partner]} are exchanged.`);
}
function undo() {
  const last = undone.pop();
  if (!last) return showMending("There is nothing to undo.");
  const [frame, text] = last, before = JSON.parse(text);
  if (before.right || Object.keys(before.points).length) mended.set(frame, before);
  else mended.delete(frame);
  mending.at = order.indexOf(frame);
  mending.box = null;
  keep();
  return showMending("The last change is undone.");
}

const MENDING = {  // by the id of its button: what it says, its key, what it does
  "mend-previous": ["← previous frame", "k", () => go(-1)],
  "mend-next": ["next frame →", "j", () => go(1)],
  "mend-keypoint": ["next keypoint", "n", () => { mending.keypoint = (mending.keypoint + 1) % keypoints.length; showMending(); }],
  "mend-take": ["take the networks’ place", "t", () => {
    const there = place(frameNow(), mending.keypoint), name = keypoints[mending.keypoint];
    if (there) put(mending.keypoint, there, `${name} is where the networks see it.`);
    else showMending(`The networks see no ${name}.`);
  }],
  "mend-all": ["move all labels alike", "a", moveAll],
  "mend-exchange": ["exchange two labels", "e", exchange],
  "mend-delete": ["delete the label", "Delete", () => put(mending.keypoint, null, `${keypoints[mending.keypoint]} has no label.`)],
  "mend-right": ["mark the frame as right", "r", () => {
    const now = stateOf(frameNow());
    change(frameNow(), { right: !now.right, points: now.points }, now.right ? "No longer marked as right." : "Marked as right.");
  }],
  "mend-undo": ["undo", "u", undo],
  "mend-zoom": ["zoom in or out", "z", () => { mending.crop = !mending.crop; mending.box = null; showMending(); }],
  "mend-download": ["download corrections", "d", download],
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function go(step) {
  mending.at = Math.min(Math.max(mending.at + step, 0), order.length - 1);
  mending.box = null;
  mending.keypoint = byFrame.get(frameNow()).keypoint ?? 0;
  showMending();
}

function showMending(said = "") {
  const frame = frameNow(), row = byFrame.get(frame), now = stateOf(frame), pose = poseNow(frame), seen = points(mending.places, frame);
  mending.box ??= mending.crop ? boxAround([...pose, ...seen], frame) : whole(frame);
  $("mend-view").style.setProperty("--wide", mending.box[2] / mending.box[3]);  // as wide as the picture: no bars beside it
  $("mend-view").replaceChildren(drawn(frame, mending.box, `Frame ${frame} with its labels and the networks’ places`,
    ...labelled(pose, seen, 1.5 * markOf(mending.box), mending.keypoint)));
  $("mend-about").textContent = `${mending.at + 1} of ${order.length}: ${frameName(frame)}. ${row.check}`
    + `${now.right ? " Marked as right." : ""}${isChanged(frame) ? " Changed." : ""}`;
  $("mend-keypoints").replaceChildren(...keypoints.map((name, k) => html("button", { type: "button", "aria-pressed": String(k === mending.keypoint),
    onclick: () => { mending.keypoint = k; showMending(); $("mend-work").focus(); } },
    svg("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("rect", { width: 10, height: 10, fill: colours[k] })),
    `${name}${k in now.points ? " (changed)" : finite(pose[k]) ? "" : " (no label)"}`)));
  const changed = [...mended.values()].filter((own) => Object.keys(own.points).length).length;
  const right = [...mended.values()].filter((own) => own.right).length;
  $("mend-count").textContent = `${changed} frame${changed === 1 ? "" : "s"} changed, ${right} marked as right.`;
  $("mend-said").textContent = said;
}

// ---- by mouse or pen: take the nearest label, or place the chosen keypoint where it has none ----

function pointAt(event) {
  const view = $("mend-view").firstElementChild, at = new DOMPoint(event.clientX, event.clientY).matrixTransform(view.getScreenCTM().inverse());
  return [at.x, at.y];
}
function grab(event) {
  const frame = frameNow(), at = pointAt(event), reach = 4 * markOf(mending.box);
  const far = poseNow(frame).map((point) => finite(point) ? Math.hypot(point[0] - at[0], point[1] - at[1]) : Infinity);
  const nearest = far.indexOf(Math.min(...far));
  if (far[nearest] <= reach) mending.keypoint = nearest;
  else if (current(frame, mending.keypoint)) return;
  mending.dragging = { from: JSON.stringify(stateOf(frame)), undone: undone.length };
  $("mend-view").setPointerCapture(event.pointerId);
  put(mending.keypoint, far[nearest] <= reach ? current(frame, mending.keypoint) : at, "");
  event.preventDefault();
  $("mend-work").focus();
}
function drag(event) {
  if (!mending.dragging) return;
  undone.length = mending.dragging.undone;  // one step for the whole way
  put(mending.keypoint, pointAt(event), "");
  undone[undone.length - 1][1] = mending.dragging.from;
}
function drop() {
  if (!mending.dragging) return;
  if (undone.at(-1)?.[1] === JSON.stringify(stateOf(frameNow()))) undone.pop();
  mending.dragging = null;
}

// ---- the file ----

function corrections() {
  const rows = [["video", "image", "mark", "keypoint", "x", "y", "was_x", "was_y"]];
  const text = (value) => value === null || value === undefined ? "" : value.toFixed(4);
  for (const [frame, own] of mended) {
    const name = [frames.videos[frames.video[frame]], frames.image[frame]];
    for (const [k, now] of Object.entries(own.points)) {
      const was = original(frame, k);
      rows.push([...name, now ? "placed" : "deleted", keypoints[k], text(now?.[0]), text(now?.[1]), text(was?.[0]), text(was?.[1])]);
    }
    if (own.right) rows.push([...name, "right", "", "", "", "", ""]);
  }
  return rows.map((row) => row.map((cell) => /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell).join(",")).join("\n") + "\n";
}
function download() {
  if (!mended.size) return showMending("Nothing was changed, so there is nothing to download.");
  const address = URL.createObjectURL(new Blob([corrections()], { type: "text/csv" }));
  html("a", { href: address, download: "corrections.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  return showMending("The corrections are downloaded as corrections.csv.");
}

async function startMending() {
  if (!order.length) return;
  [mending.labels, mending.places] = await Promise.all([array("labels"), array("out_of_bag_consensus")]);
  const before = stored((store) => JSON.parse(store.getItem(MEND_KEY) ?? "[]")) ?? [];
  for (const [frame, own] of before) mended.set(frame, own);
  const buttons = Object.entries(MENDING).map(([id, [says, key, act]]) => html("button", { type: "button", id,
    "aria-keyshortcuts": key, onclick: () => { act(); $("mend-work").focus({ preventScroll: true }); } }, `${says} (${key})`));
  $("mend-buttons").replaceChildren(...buttons);
  const byKey = new Map(Object.values(MENDING).map(([, key, act]) => [key.toLowerCase(), act]));
  $("mend-work").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[event.key]) {
      const step = event.shiftKey ? 10 : 1, k = mending.keypoint, [x, y] = ARROWS[event.key];
      const from = current(frameNow(), k) ?? place(frameNow(), k) ?? frames.size[frameNow()].map((side) => side / 2);
      put(k, [from[0] + step * x, from[1] + step * y], "");
    } else if (byKey.has(event.key.toLowerCase())) byKey.get(event.key.toLowerCase())();
    else return;
    event.preventDefault();
    $("mend-work").focus({ preventScroll: true });  // a button that had the keys is drawn anew
  });
  $("mend-view").addEventListener("pointerdown", grab);
  $("mend-view").addEventListener("pointermove", drag);
  $("mend-view").addEventListener("pointerup", drop);
  $("mend-view").addEventListener("pointercancel", drop);
  const open = order.findIndex((frame) => !mended.has(frame));
  mending.at = Math.max(open, 0);
  go(0);
  $("mend-work").focus({ preventScroll: true });
}
