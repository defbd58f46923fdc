// The map: points are drawn into the pixels of a canvas, so that a hundred thousand take only milliseconds.
const box = document.getElementById("map");
const canvas = box.querySelector("canvas");
const hint = document.getElementById("map-hint");
const lassoButton = document.getElementById("lasso");
const mapData = JSON.parse(document.getElementById("map-data").textContent);
const NONE = 65535, CELLS = 128, REACH_PX = 10, MAX_CORNERS = 80;

let xs, ys, segmentOf, cells, count = 0;
let scale = 1, left = 0, top = 0; // zoom factor, and the top left corner of the map in CSS pixels
let width = 0, height = 0;
let line = null, hovered = -1, highlighted = -1, frameRequested = false;
const context = canvas.getContext("2d");

async function load() {
  const response = await fetch(`/map/points?v=${mapData.version}`);
  if (!response.ok) { showHint("The store has been built again. Reload the page."); return; }
  const bytes = await response.arrayBuffer();
  count = bytes.byteLength / 10;
  const places = new Float32Array(bytes, 0, 2 * count);
  segmentOf = new Uint16Array(bytes, 8 * count, count);
  xs = new Float32Array(count);
  ys = new Float32Array(count);
  for (let i = 0; i < count; i++) { xs[i] = places[2 * i]; ys[i] = 1 - places[2 * i + 1]; }
  cells = buildGrid();
  showAll();
}

// Index the points by grid cell: those of cell c are order[starts[c]] to order[starts[c + 1] - 1].
function buildGrid() {
  const cellOf = (i) => Math.min(CELLS - 1, Math.floor(xs[i] * CELLS)) + CELLS * Math.min(CELLS - 1, Math.floor(ys[i] * CELLS));
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < count; i++) starts[cellOf(i) + 1]++;
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  const order = new Uint32Array(count), filled = starts.slice();
  for (let i = 0; i < count; i++) order[filled[cellOf(i)]++] = i;
  return { starts, order };
}

function showAll() {
  ({ width, height } = canvas.getBoundingClientRect());
  scale = 1;
  left = top = 0;
  redraw();
}

const screenX = (x) => x * width * scale + left;
const screenY = (y) => y * height * scale + top;
const mapX = (across) => (across - left) / (width * scale);
const mapY = (down) => (down - top) / (height * scale);

function redraw() {
  if (frameRequested || !count) return;
  frameRequested = true;
  requestAnimationFrame(() => { frameRequested = false; draw(); });
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const w = canvas.width = Math.round(width * ratio), h = canvas.height = Math.round(height * ratio);
  if (!w || !h) return;
  const image = context.createImageData(w, h);
  drawPoints(image.data, w, h, ratio);
  context.putImageData(image, 0, 0);
  context.scale(ratio, ratio);
  if (hovered >= 0) ring(hovered);
  drawLabels();
  if (line) drawLine();
  if (!box.dataset.ready) {
    box.dataset.ready = count;
    performance.mark("map-ready");
  }
}

// Each point is a disc with soft edges, blended with the pixels by how much it covers of each.
function drawPoints(pixels, w, h, ratio) {
  const radius = ratio * Math.min(6, (count > 20000 ? 1.3 : count > 3000 ? 2 : count > 300 ? 3.4 : 5) * Math.sqrt(scale));
  const reach = Math.ceil(radius), size = 2 * reach + 1, disc = new Float32Array(size * size);
  for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
    disc[(y + reach) * size + x + reach] = 0.8 * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y)));
  }
  const colours = mapData.segments.map(({ colour }) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  const grey = [136, 136, 136];
  for (let i = 0; i < count; i++) {
    const cx = Math.round(screenX(xs[i]) * ratio), cy = Math.round(screenY(ys[i]) * ratio);
    if (cx < -reach || cy < -reach || cx >= w + reach || cy >= h + reach) continue;
    const [r, g, b] = segmentOf[i] === NONE ? grey : colours[segmentOf[i]];
    const dimmed = highlighted >= 0 && segmentOf[i] !== highlighted ? 0.15 : 1;
    for (let y = Math.max(0, cy - reach), end = Math.min(h - 1, cy + reach); y <= end; y++) {
      for (let x = Math.max(0, cx - reach), last = Math.min(w - 1, cx + reach); x <= last; x++) {
        const alpha = dimmed * disc[(y - cy + reach) * size + x - cx + reach];
        if (!alpha) continue;
        const at = 4 * (y * w + x), under = pixels[at + 3] / 255, over = alpha + under * (1 - alpha);
        pixels[at] = (r * alpha + pixels[at] * under * (1 - alpha)) / over;
        pixels[at + 1] = (g * alpha + pixels[at + 1] * under * (1 - alpha)) / over;
        pixels[at + 2] = (b * alpha + pixels[at + 2] * under * (1 - alpha)) / over;
        pixels[at + 3] = 255 * over;
      }
    }
  }
}

// Names are placed from the largest segment on; one that would overlap another is left out.
function drawLabels() {
  const style = getComputedStyle(document.body), taken = [];
  context.font = `600 12px ${style.fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { name, centre } of mapData.segments) {
    if (!centre) continue;
    const text = name.length > 30 ? `${name.slice(0, 29)}…` : name, half = context.measureText(text).width / 2;
    const y = screenY(1 - centre[1]), across = screenX(centre[0]);
    if (across < 0 || across > width || y < 10 || y > height - 10) continue;
    const x = Math.max(half + 4, Math.min(width - half - 4, across));
    if (taken.some((other) => Math.abs(other.x - x) < other.half + half + 6 && Math.abs(other.y - y) < 18)) continue;
    taken.push({ x, y, half });
    context.lineWidth = 4;
    context.strokeStyle = getComputedStyle(box).backgroundColor;
    context.fillStyle = style.color;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
}

function ring(i) {
  context.beginPath();
  context.arc(screenX(xs[i]), screenY(ys[i]), 7, 0, 7);
  context.lineWidth = 2;
  context.strokeStyle = getComputedStyle(document.body).color;
  context.stroke();
}

function drawLine() {
  context.beginPath();
  for (const [x, y] of line) context.lineTo(screenX(x), screenY(y));
  context.closePath();
  context.lineWidth = 2;
  context.strokeStyle = getComputedStyle(document.body).color;
  context.fillStyle = "#8888881f";
  context.stroke();
  context.fill();
}

function pointerPosition(event) {
  const { left: x, top: y } = canvas.getBoundingClientRect();
  return [event.clientX - x, event.clientY - y];
}

function nearest(px, py) {
  const acrossReach = REACH_PX / (width * scale), downReach = REACH_PX / (height * scale), x = mapX(px), y = mapY(py);
  const cell = (value) => Math.max(0, Math.min(CELLS - 1, Math.floor(value * CELLS)));
  let best = -1, leastSquare = REACH_PX ** 2;
  for (let row = cell(y - downReach); row <= cell(y + downReach); row++) {
    for (let column = cell(x - acrossReach); column <= cell(x + acrossReach); column++) {
      const c = row * CELLS + column;
      for (let k = cells.starts[c]; k < cells.starts[c + 1]; k++) {
        const i = cells.order[k], square = (screenX(xs[i]) - px) ** 2 + (screenY(ys[i]) - py) ** 2;
        if (square < leastSquare) { leastSquare = square; best = i; }
      }
    }
  }
  return best;
}

async function fetchUser(i) {
  const response = await fetch(`/map/user?v=${mapData.version}&row=${i}`);
  return response.ok ? response.json() : null;
}

function showHint(...lines) {
  hint.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line, dir: "auto" })));
  hint.hidden = false;
}

let hoverTimer;
function hover(px, py) {
  const i = nearest(px, py);
  if (i === hovered) return;
  hovered = i;
  hint.hidden = true;
  redraw();
  clearTimeout(hoverTimer);
  if (i < 0) return;
  hoverTimer = setTimeout(async () => {
    const user = await fetchUser(i);
    if (!user || hovered !== i) return;
    showHint(user.user_id, user.segment, user.summary);
    hint.style.left = `${Math.max(4, Math.min(px + 14, width - hint.offsetWidth - 4))}px`;
    hint.style.top = `${Math.max(4, Math.min(py + 14, height - hint.offsetHeight - 4))}px`;
  }, 60);
}

function zoom(factor, px, py) {
  const wanted = Math.max(0.5, Math.min(60, scale * factor));
  left = px - (px - left) * wanted / scale;
  top = py - (py - top) * wanted / scale;
  scale = wanted;
  redraw();
}

const middle = () => [width / 2, height / 2];

function setLasso(on) {
  lassoButton.setAttribute("aria-pressed", on);
  box.classList.toggle("drawing", on);
}

// List the users inside the line; the address carries it, with at most MAX_CORNERS corners.
function listUsersInside() {
  const step = Math.ceil(line.length / MAX_CORNERS), corners = line.filter((_, i) => i % step === 0);
  line = null;
  setLasso(false);
  redraw();
  if (corners.length < 3) return;
  const polygon = corners.map(([x, y]) => `${x.toFixed(4)},${(1 - y).toFixed(4)}`).join(",");
  location.href = `/search?${new URLSearchParams({ polygon })}`;
}

const fingers = new Map();
let moved = false;

canvas.addEventListener("pointerdown", (event) => {
  if (!count) return;
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, pointerPosition(event));
  moved = false;
  if (fingers.size === 1 && (event.shiftKey || box.classList.contains("drawing"))) line = [];
});

canvas.addEventListener("pointermove", (event) => {
  if (!count) return;
  const [x, y] = pointerPosition(event), before = fingers.get(event.pointerId);
  if (!before) { hover(x, y); return; }
  if (Math.hypot(x - before[0], y - before[1]) < 2) return;
  moved = true;
  hint.hidden = true;
  if (line) {
    line.push([mapX(x), mapY(y)]);
    redraw();
  } else if (fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    zoom(Math.hypot(x - other[0], y - other[1]) / Math.max(1, Math.hypot(before[0] - other[0], before[1] - other[1])), (x + other[0]) / 2, (y + other[1]) / 2);
  } else {
    left += x - before[0];
    top += y - before[1];
    redraw();
  }
  fingers.set(event.pointerId, [x, y]);
});

canvas.addEventListener("pointerup", async (event) => {
  fingers.delete(event.pointerId);
  if (!count) return;
  if (line) { listUsersInside(); return; }
  if (moved) return;
  const i = nearest(...pointerPosition(event)), user = i < 0 ? null : await fetchUser(i);
  if (user) location.href = user.address;
});
canvas.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); line = null; redraw(); });
canvas.addEventListener("pointerleave", () => { if (!fingers.size) { hovered = -1; hint.hidden = true; redraw(); } });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  hint.hidden = true;
  zoom(Math.exp(-event.deltaY / 400), ...pointerPosition(event));
}, { passive: false });

canvas.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  if (steps[event.key]) { left += steps[event.key][0]; top += steps[event.key][1]; redraw(); }
  else if (event.key === "+" || event.key === "=") zoom(1.5, ...middle());
  else if (event.key === "-") zoom(1 / 1.5, ...middle());
  else if (event.key === "0") showAll();
  else return;
  event.preventDefault();
});

lassoButton.addEventListener("click", () => setLasso(lassoButton.getAttribute("aria-pressed") !== "true"));
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => { if (+button.dataset.zoom) zoom(+button.dataset.zoom, ...middle()); else showAll(); });
}
// Pointing at a segment's card highlights the segment on the map.
document.querySelectorAll(".segment-cards > li").forEach((card, number) => {
  card.addEventListener("pointerenter", () => { highlighted = number; redraw(); });
  card.addEventListener("pointerleave", () => { highlighted = -1; redraw(); });
});
new ResizeObserver(() => (count ? showAll() : null)).observe(box);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
load();
