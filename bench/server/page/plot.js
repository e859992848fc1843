// Plots of channels that grow: a band from the least to the greatest value of each bucket of time, and a line through its mean.
// What is kept is bounded by the daemon, so that three days cost as much to draw as a minute.

// Room beside a plot for its extremes and below it for its times, in heights of the letters.
const BESIDE = 5.4;
const BELOW = 1.4;

const middle = (low, high) => low === null ? null : (low + high) / 2;

// Takes a message's part of a channel into what is kept of it.
export function merge(kept, part) {
  if (!kept || kept.bucket_s !== part.bucket_s) kept = { low: [], high: [], mean: [] };
  kept.low.length = kept.high.length = kept.mean.length = part.from;
  kept.low.push(...part.low);
  kept.high.push(...part.high);
  // An older daemon tells no mean.
  kept.mean.push(...(part.mean ?? part.low.map((low, i) => middle(low, part.high[i]))));
  return Object.assign(kept, { bucket_s: part.bucket_s, unit: part.unit, value: part.value, status: part.status, at_s: part.at_s });
}

// The first bucket of which some is not before a run time.
const first = (kept, from_s) => Math.floor(from_s / kept.bucket_s);

// The least and the greatest value of a channel from a run time on; null where there is none.
export function extremes(kept, from_s) {
  let low = Infinity, high = -Infinity;
  for (let i = first(kept, from_s); i < kept.low.length; i += 1) {
    if (kept.low[i] === null) continue;
    low = Math.min(low, kept.low[i]);
    high = Math.max(high, kept.high[i]);
  }
  return low > high ? null : [low, high];
}

// Draws a channel from run time `from_s` to `until_s`, which have their texts.
export function draw(canvas, kept, from_s, until_s, texts) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  if (width === 0) return;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const letter = parseFloat(style.fontSize) * scale;
  const [left, floor] = [Math.min(BESIDE * letter, width / 3), height - BELOW * letter];
  // Half a letter above and below, so that the extremes' labels stand beside them.
  const [top, bottom] = [0.6 * letter, floor - 0.6 * letter];
  context.clearRect(0, 0, width, height);
  context.font = `${letter}px ${style.fontFamily}`;
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(left, floor, width - left, scale);
  context.fillStyle = style.getPropertyValue("--soft");
  times(context, texts, left, width, height);
  const found = extremes(kept, from_s);
  if (!found) return;
  const [low, high] = found;
  const y = value => high > low ? bottom - ((value - low) / (high - low)) * (bottom - top) : (top + bottom) / 2;
  const x = at_s => left + ((at_s - from_s) / Math.max(until_s - from_s, 1)) * (width - left);
  label(context, found, y, left - 0.5 * letter);
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, floor);
  context.clip();
  context.lineWidth = 1.5 * scale;
  context.lineJoin = "round";
  context.strokeStyle = style.getPropertyValue("--mark");
  context.fillStyle = style.getPropertyValue("--band");
  for (const part of stretches(kept.low)) stretch(context, kept, part, from_s, until_s, x, y);
  context.restore();
}

// The buckets with values, in stretches without a gap: one much longer than the channel is usually silent for.
function stretches(low) {
  const read = [...low.keys()].filter(i => low[i] !== null);
  const usual = read.length > 1 ? (read.at(-1) - read[0]) / (read.length - 1) : 1;
  const parts = [];
  read.forEach((at, i) => {
    if (i > 0 && at - read[i - 1] <= 4 * usual + 1) parts.at(-1).push(at);
    else parts.push([at]);
  });
  return parts;
}

// A stretch, with a point in the midst of each bucket, and from the first one's begin to the last one's end.
function stretch(context, kept, part, from_s, until_s, x, y) {
  const seen = part.findIndex(i => i >= first(kept, from_s));
  if (seen < 0) return;
  // The one before what is shown: the line comes from there.
  const shown = part.slice(Math.max(0, seen - 1));
  const begin = i => i * kept.bucket_s;
  const end = i => Math.min(begin(i + 1), Math.max(until_s, begin(i)));
  const points = shown.map(i => [(begin(i) + end(i)) / 2, i]);
  points.unshift([begin(shown[0]), shown[0]]);
  points.push([end(shown.at(-1)), shown.at(-1)]);
  const along = (all, values) => all.forEach(([at_s, i]) => context.lineTo(x(at_s), y(values[i])));
  context.beginPath();
  along(points, kept.high);
  along(points.toReversed(), kept.low);
  context.closePath();
  context.fill();
  context.beginPath();
  along(points, kept.mean);
  context.stroke();
}

// The run times at which a plot begins and ends.
function times(context, [from, until], left, width, height) {
  context.textBaseline = "bottom";
  context.textAlign = "left";
  const room = (width - left) * 0.48;
  context.fillText(from, left, height, room);
  context.textAlign = "right";
  context.fillText(until, width, height, room);
}

// The extremes of what is shown, each beside where it is.
function label(context, [low, high], y, right) {
  const span = high - low;
  const size = Math.max(Math.abs(low), Math.abs(high));
  const digits = Math.max(0, Math.min(7, 2 - Math.floor(Math.log10(span || size || 1))));
  const text = value => (size > 0 && size < 0.001 ? value.toExponential(2) : value.toFixed(digits)).replace(/^-(?=[0.]*$)/, "");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of span > 0 ? [low, high] : [high]) context.fillText(text(value), right, y(value), right);
}
