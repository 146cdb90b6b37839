/** Where exactly a line runs, also where strokes lie in it: a curve through its pieces, carried on to its ends. */

import { makeGrid, median, roundEven } from "./arrays.mjs";
import { lineBetween, lineLength, rowOf } from "./lines.mjs";
import { runs } from "./strokes.mjs";

const ROUNDS = 4; // of fits, each without what strays
const STRAY = 2.5; // times the usual distance from the curve: how far what counts lies off
const LEAST = 1.03; // pixels, the same
const LEAST_BENT = 60; // columns: a shorter line is straight
const NEAR_LINE = 0.77; // pixels beyond half its thickness: a line's own
const WAVER = 1.5; // times the usual distance from its curve, added to that
const PAPER_AFTER = 2; // strokes: a line ends where as much paper follows
const THICKER = 1.35; // of its thickness, plus some pixels: where the ink is higher a stroke lies in the line
const PIXELS = 0.8;

/**
 * The line as its own pixels say that it runs; what strokes add to its pieces has no say.
 * @param {Line} line As its pieces were joined.
 * @param {Grid} mask uint8, ink.
 * @param {Grid} labels Of the pieces' pixels.
 * @param {Int32Array} down Of each pixel the length of its run of ink along the column.
 * @param {number} stroke In pixels.
 * @returns {Line}
 */
export function refined(line, mask, labels, down, stroke) {
  const segments = new Set(line.segments);
  const places = [];
  labels.data.forEach((number, i) => number && segments.has(number) && places.push(i));
  const long = Math.max(1, lineLength(line) - 1);
  const points = places.map((i) => {
    return { x: ((i % labels.width) - line.first) / long, y: Math.floor(i / labels.width), high: down[i], away: 0 };
  });
  let [kept, usual, factors] = [points, 0, [0, 0, 0]];
  for (let round = 0; round < ROUNDS; round++) {
    factors = curveThrough(kept, lineLength(line) >= LEAST_BENT).map(toMillionth);
    for (const point of points) {
      point.away = Math.abs(point.y - (factors[0] + point.x * (factors[1] + point.x * factors[2])));
    }
    usual = toMillionth(median(Float64Array.from(kept, (point) => point.away)));
    const most = Math.max(LEAST, STRAY * usual);
    kept = points.filter((point) => point.away <= most);
  }
  const thickness = median(Float64Array.from(kept, (point) => point.high));
  const [start, slope, square] = factors;
  const whole = { ...line, start, end: start + slope + square, bend: -square, waver: usual, thickness };
  return carriedOn(whole, mask, stroke);
}

/** The factors of 1, x and x² with the least squares, by orthogonal polynomials. */
function curveThrough(points, isBent) {
  const total = (use) => points.reduce((sum, point) => sum + use(point), 0);
  const [middle, height] = [total(({ x }) => x) / points.length, total(({ y }) => y) / points.length];
  const spread = total(({ x }) => (x - middle) ** 2);
  if (spread < 1e-9) return [height, 0, 0];
  const slope = total(({ x, y }) => (x - middle) * y) / spread;
  if (!isBent) return [height - slope * middle, slope, 0];
  const lean = total(({ x }) => (x - middle) ** 3) / spread;
  const level = spread / points.length;
  const second = ({ x }) => (x - middle) ** 2 - level - lean * (x - middle);
  const square = total((point) => second(point) * point.y) / Math.max(1e-9, total((point) => second(point) ** 2));
  const factor = slope - square * (2 * middle + lean);
  return [height - slope * middle + square * (middle ** 2 - level + lean * middle), factor, square];
}

/** So that a line between two rows of pixels lies there whatever the order of the sums. */
function toMillionth(value) {
  return roundEven(value * 1e6) / 1e6;
}

/** The line with the ink beyond its ends that runs on as it does. */
function carriedOn(line, { height, width, data }, stroke) {
  const [reach, most] = [line.thickness / 2 + NEAR_LINE, PAPER_AFTER * stroke];
  const hasInk = (column) => {
    const middle = rowOf(line, column);
    const bottom = Math.min(height, roundEven(middle + reach) + 1);
    for (let y = Math.max(0, roundEven(middle - reach)); y < bottom; y++) if (data[y * width + column]) return true;
    return false;
  };
  const end = (column, step) => {
    let found = column;
    for (let x = column + step; x >= 0 && x < width && Math.abs(x - found) <= most; x += step) {
      if (hasInk(x)) found = x;
    }
    return found;
  };
  return lineBetween(line, end(line.first, -1), end(line.last, 1));
}

/**
 * The pixels of refined level lines where ink goes on across for not much longer than they are thick.
 * @param {Line[]} lines
 * @param {Grid} mask uint8.
 * @returns {Grid} uint8.
 */
export function linePixels(lines, mask) {
  const { height, width, data } = mask;
  const own = makeGrid(height, width, new Uint8Array(data.length));
  const down = lines.length ? runs(mask) : null;
  for (const line of lines) {
    const reach = line.thickness / 2 + NEAR_LINE + WAVER * line.waver;
    const near = [];
    for (let column = line.first; column <= line.last; column++) {
      const middle = rowOf(line, column);
      const bottom = Math.min(height - 1, Math.floor(middle + reach));
      for (let y = Math.max(0, Math.ceil(middle - reach)); y <= bottom; y++) {
        if (data[y * width + column]) near.push(y * width + column);
      }
    }
    const low = near.filter((i) => down[i] <= THICKER * line.thickness + PIXELS);
    if (!low.length) continue;
    const most = THICKER * median(Float64Array.from(low, (i) => down[i])) + PIXELS;
    for (const i of near) if (down[i] <= most) own.data[i] = 1;
  }
  return own;
}
