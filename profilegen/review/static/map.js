// The map: points drawn into the pixels of a canvas, so that a hundred thousand need no more than a few milliseconds.
const box = document.getElementById("map");
const canvas = box.querySelector("canvas");
const hint = document.getElementById("map-hint");
const lassoButton = document.getElementById("lasso");
const about = JSON.parse(document.getElementById("map-data").textContent);
const NONE = 65535, CELLS = 128, REACH_PX = 10, MAX_CORNERS = 80;

let xs, ys, segmentOf, cells, count = 0;
let scale = 1, left = 0, top = 0; // how much nearer than the whole map, and where the corner is, in CSS pixels
let width = 0, height = 0;
let drawing = null, hovered = -1, lit = -1, framed = false;
const context = canvas.getContext("2d");

async function load() {
  const answer = await fetch(`/map/points?v=${about.version}`);
  if (!answer.ok) { tell("The store has been built again. Load the page again."); return; }
  const bytes = await answer.arrayBuffer();
  count = bytes.byteLength / 10;
  const places = new Float32Array(bytes, 0, 2 * count);
  segmentOf = new Uint16Array(bytes, 8 * count, count);
  xs = new Float32Array(count);
  ys = new Float32Array(count);
  for (let i = 0; i < count; i++) { xs[i] = places[2 * i]; ys[i] = 1 - places[2 * i + 1]; }
  cells = gridded();
  whole();
}

// Points by the cell of a grid they are in: starts[c] to starts[c + 1] of `order`.
function gridded() {
  const cellOf = (i) => Math.min(CELLS - 1, Math.floor(xs[i] * CELLS)) + CELLS * Math.min(CELLS - 1, Math.floor(ys[i] * CELLS));
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < count; i++) starts[cellOf(i) + 1]++;
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  const order = new Uint32Array(count), filled = starts.slice();
  for (let i = 0; i < count; i++) order[filled[cellOf(i)]++] = i;
  return { starts, order };
}

function whole() {
  ({ width, height } = canvas.getBoundingClientRect());
  scale = 1;
  left = top = 0;
  redraw();
}

const acrossOf = (x) => x * width * scale + left;
const downOf = (y) => y * height * scale + top;
const xOf = (across) => (across - left) / (width * scale);
const yOf = (down) => (down - top) / (height * scale);

function redraw() {
  if (framed || !count) return;
  framed = true;
  requestAnimationFrame(() => { framed = false; draw(); });
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
  if (drawing) drawLine();
  if (!box.dataset.ready) {
    box.dataset.ready = count;
    performance.mark("map-ready");
  }
}

// Each point is a soft disc, laid over what is there already by its coverage of each pixel.
function drawPoints(pixels, w, h, ratio) {
  const radius = ratio * Math.min(6, (count > 20000 ? 1.3 : count > 3000 ? 2 : count > 300 ? 3.4 : 5) * Math.sqrt(scale));
  const reach = Math.ceil(radius), size = 2 * reach + 1, disc = new Float32Array(size * size);
  for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
    disc[(y + reach) * size + x + reach] = 0.8 * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y)));
  }
  const paints = about.segments.map(({ colour }) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  const grey = [136, 136, 136];
  for (let i = 0; i < count; i++) {
    const cx = Math.round(acrossOf(xs[i]) * ratio), cy = Math.round(downOf(ys[i]) * ratio);
    if (cx < -reach || cy < -reach || cx >= w + reach || cy >= h + reach) continue;
    const [r, g, b] = segmentOf[i] === NONE ? grey : paints[segmentOf[i]];
    const dimmed = lit >= 0 && segmentOf[i] !== lit ? 0.15 : 1;
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

// The largest segments get their names first; one that would lie on another's is left out.
function drawLabels() {
  const style = getComputedStyle(document.body), taken = [];
  context.font = `600 12px ${style.fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { name, centre } of about.segments) {
    if (!centre) continue;
    const text = name.length > 30 ? `${name.slice(0, 29)}…` : name, half = context.measureText(text).width / 2;
    const y = downOf(1 - centre[1]), across = acrossOf(centre[0]);
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
  context.arc(acrossOf(xs[i]), downOf(ys[i]), 7, 0, 7);
  context.lineWidth = 2;
  context.strokeStyle = getComputedStyle(document.body).color;
  context.stroke();
}

function drawLine() {
  context.beginPath();
  for (const [x, y] of drawing) context.lineTo(acrossOf(x), downOf(y));
  context.closePath();
  context.lineWidth = 2;
  context.strokeStyle = getComputedStyle(document.body).color;
  context.fillStyle = "#8888881f";
  context.stroke();
  context.fill();
}

function at(event) {
  const { left: x, top: y } = canvas.getBoundingClientRect();
  return [event.clientX - x, event.clientY - y];
}

function nearest(px, py) {
  const acrossReach = REACH_PX / (width * scale), downReach = REACH_PX / (height * scale), x = xOf(px), y = yOf(py);
  const cell = (value) => Math.max(0, Math.min(CELLS - 1, Math.floor(value * CELLS)));
  let best = -1, least = REACH_PX ** 2;
  for (let row = cell(y - downReach); row <= cell(y + downReach); row++) {
    for (let column = cell(x - acrossReach); column <= cell(x + acrossReach); column++) {
      const c = row * CELLS + column;
      for (let k = cells.starts[c]; k < cells.starts[c + 1]; k++) {
        const i = cells.order[k], far = (acrossOf(xs[i]) - px) ** 2 + (downOf(ys[i]) - py) ** 2;
        if (far < least) { least = far; best = i; }
      }
    }
  }
  return best;
}

async function ask(i) {
  const answer = await fetch(`/map/user?v=${about.version}&row=${i}`);
  return answer.ok ? answer.json() : null;
}

function tell(...lines) {
  hint.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line, dir: "auto" })));
  hint.hidden = false;
}

let asking;
function hover(px, py) {
  const i = nearest(px, py);
  if (i === hovered) return;
  hovered = i;
  hint.hidden = true;
  redraw();
  clearTimeout(asking);
  if (i < 0) return;
  asking = setTimeout(async () => {
    const user = await ask(i);
    if (!user || hovered !== i) return;
    tell(user.user_id, user.segment, user.summary);
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

// Where the line ends, the users inside are listed; the address carries the line, with few enough corners.
function list() {
  const step = Math.ceil(drawing.length / MAX_CORNERS), kept = drawing.filter((_, i) => i % step === 0);
  drawing = null;
  setLasso(false);
  redraw();
  if (kept.length < 3) return;
  const polygon = kept.map(([x, y]) => `${x.toFixed(4)},${(1 - y).toFixed(4)}`).join(",");
  location.href = `/search?${new URLSearchParams({ polygon })}`;
}

const fingers = new Map();
let moved = false;

canvas.addEventListener("pointerdown", (event) => {
  if (!count) return;
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, at(event));
  moved = false;
  if (fingers.size === 1 && (event.shiftKey || box.classList.contains("drawing"))) drawing = [];
});

canvas.addEventListener("pointermove", (event) => {
  if (!count) return;
  const [x, y] = at(event), before = fingers.get(event.pointerId);
  if (!before) { hover(x, y); return; }
  if (Math.hypot(x - before[0], y - before[1]) < 2) return;
  moved = true;
  hint.hidden = true;
  if (drawing) {
    drawing.push([xOf(x), yOf(y)]);
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
  if (drawing) { list(); return; }
  if (moved) return;
  const i = nearest(...at(event)), user = i < 0 ? null : await ask(i);
  if (user) location.href = user.address;
});
canvas.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); drawing = null; redraw(); });
canvas.addEventListener("pointerleave", () => { if (!fingers.size) { hovered = -1; hint.hidden = true; redraw(); } });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  hint.hidden = true;
  zoom(Math.exp(-event.deltaY / 400), ...at(event));
}, { passive: false });

canvas.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  if (steps[event.key]) { left += steps[event.key][0]; top += steps[event.key][1]; redraw(); }
  else if (event.key === "+" || event.key === "=") zoom(1.5, ...middle());
  else if (event.key === "-") zoom(1 / 1.5, ...middle());
  else if (event.key === "0") whole();
  else return;
  event.preventDefault();
});

lassoButton.addEventListener("click", () => setLasso(lassoButton.getAttribute("aria-pressed") !== "true"));
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => { if (+button.dataset.zoom) zoom(+button.dataset.zoom, ...middle()); else whole(); });
}
// The cards below light up their segment on the map.
document.querySelectorAll(".segment-cards > li").forEach((card, number) => {
  card.addEventListener("pointerenter", () => { lit = number; redraw(); });
  card.addEventListener("pointerleave", () => { lit = -1; redraw(); });
});
new ResizeObserver(() => (count ? whole() : null)).observe(box);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
load();
