// Plots of channels that grow: a band from the least to the greatest value of each bucket of time, and a line through its middle.
// What is kept is bounded by the daemon, so that three days cost as much to draw as a minute.

// Room for what a plot reaches from and to, in pixels of the page.
const MARGIN = 52;

// Takes a message's part of a channel into what is kept of it.
export function merge(kept, part) {
  if (!kept || kept.bucket_s !== part.bucket_s) kept = { low: [], high: [] };
  kept.low.length = kept.high.length = part.from;
  kept.low.push(...part.low);
  kept.high.push(...part.high);
  return Object.assign(kept, { bucket_s: part.bucket_s, unit: part.unit, value: part.value, status: part.status, at_s: part.at_s });
}

// The least and the greatest value of a channel; null where there is none.
export function extremes(kept) {
  let low = Infinity, high = -Infinity;
  kept.low.forEach((value, i) => {
    if (value === null) return;
    low = Math.min(low, value);
    high = Math.max(high, kept.high[i]);
  });
  return low > high ? null : [low, high];
}

// What a plot reaches from and to: the extremes with some room.
function range([low, high]) {
  const room = (high - low) * 0.1 || Math.abs(high) * 0.001 || 1e-3;
  return [low - room, high + room];
}

// Draws a channel from run time zero to `until_s`.
export function draw(canvas, kept, until_s) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, height);
  const found = extremes(kept);
  if (!found || width === 0) return;
  const limits = range(found);
  const [low, high] = limits;
  const margin = MARGIN * scale;
  const x = i => margin + ((i + 0.5) * kept.bucket_s / Math.max(until_s, kept.bucket_s)) * (width - margin);
  const y = value => height - ((value - low) / (high - low)) * height;
  context.lineWidth = 1.5 * scale;
  context.strokeStyle = style.getPropertyValue("--mark");
  context.fillStyle = style.getPropertyValue("--band");
  for (const part of stretches(kept.low)) stretch(context, kept, part, x, y);
  label(context, limits, scale, height, style);
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

function stretch(context, kept, part, x, y) {
  const middle = i => y((kept.low[i] + kept.high[i]) / 2);
  context.beginPath();
  part.forEach(i => context.lineTo(x(i), y(kept.high[i])));
  part.toReversed().forEach(i => context.lineTo(x(i), y(kept.low[i])));
  context.closePath();
  context.fill();
  context.beginPath();
  part.forEach(i => context.lineTo(x(i), middle(i)));
  if (part.length === 1) context.lineTo(x(part[0]) + 2, middle(part[0]));
  context.stroke();
}

// What the plot reaches from and to.
function label(context, [low, high], scale, height, style) {
  const digits = Math.max(0, Math.min(7, 2 - Math.floor(Math.log10(high - low))));
  context.font = `${10 * scale}px ${style.fontFamily}`;
  context.fillStyle = style.getPropertyValue("--soft");
  context.textBaseline = "top";
  context.fillText(high.toFixed(digits), 0, 0);
  context.textBaseline = "bottom";
  context.fillText(low.toFixed(digits), 0, height);
}
