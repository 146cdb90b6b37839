/** Digits that touch: cut where the parts read better than the whole. */

import { makeGrid, roundEven } from "./arrays.mjs";
import { boxHeight, boxOf, boxWidth } from "./boxes.mjs";
import { dark } from "./form.mjs";
import { strokePixels } from "./strokes.mjs";

const WIDE = 1; // of its height: a sign that may be several
const VERY_WIDE = 1; // the same of one that is read surely
const MOST_WIDE = 6; // of its height: a dash
const SLANTS = [-0.25, 0, 0.25]; // columns per row by which a cut leans
const CUT_MARGIN = 0.1; // of the height: no cut is nearer to the sides
const FEW_CUTS = 3; // plus so many for each height that the sign is wide:
const MORE_CUTS = 4;
const NEXT_CUT = 0.12; // of the height: cuts lie as far apart at least
const THROUGH = 0.92; // of the height: where a cut goes the ink is lower
const NARROW = 0.08; // of the height: a part's width
const BROAD = 1.15;
const LOW = 0.55; // of the height: no part is lower
const HIGH = 1.5; // nats that a cut costs where ink is as high as the whole
const GAIN = 1.5; // nats that the parts must win
const GAIN_ALONE = 3; // the same of a picture's only sign, which is mostly one digit
const SHARED = [0, 0.6]; // strokes: where two digits touch, both may have the ink
const BROADER = 1.05; // of its height: a part that is broader loses for each height so many nats:
const BROADER_NATS = 4;

/**
 * Whether a sign is so wide that it may be several digits, and not so wide that it is none.
 * @param {Digit} digit
 * @param {boolean} isSure
 */
export function mayBeSeveral({ box }, isSure) {
  const least = (isSure ? VERY_WIDE : WIDE) * boxHeight(box);
  return MOST_WIDE * boxHeight(box) >= boxWidth(box) && boxWidth(box) >= least;
}

/**
 * The digits that a sign consists of, from left to right; the sign itself where no cut reads better.
 * @param {Digit} digit
 * @param {(ink: Grid) => number} judge The logarithm of how likely ink is one digit, at most 0.
 * @param {boolean} isAlone Whether it is the picture's only sign.
 * @returns {Digit[]}
 */
export function splitDigit(digit, judge, isAlone) {
  const { height, width } = digit.ink;
  const ends = [-width, 2 * width].map((column) => ({ column, slant: 0, high: 0 }));
  const cuts = [ends[0], ...cutsOf(digit.ink), ends[1]];
  if (cuts.length === 2) return [digit];
  const last = cuts.length - 1;
  const best = new Map();
  const stroke = strokePixels(dark(digit.ink));
  for (let from = 0; from < last; from++) {
    for (let to = from + 1; to <= last; to++) {
      const isWhole = from === 0 && to === last;
      for (const share of isWhole ? [0] : SHARED) {
        const part = partBetween(digit, cuts[from], cuts[to], share * stroke);
        if (!part || !(isWhole || isDigitLike(part, height))) continue;
        const wider = Math.max(0, boxWidth(part.box) / boxHeight(part.box) - BROADER);
        const cost = (HIGH * cuts[from].high) / height;
        const value = judge(part.ink) - cost - BROADER_NATS * wider;
        const key = from * cuts.length + to;
        if (value > (best.get(key)?.value ?? -Infinity)) best.set(key, { value, part });
      }
    }
  }
  const { path, value } = bestPath(best, cuts.length);
  const whole = best.get(last)?.value ?? -Infinity;
  const isBetter = path.length > 1 && value > whole + (isAlone ? GAIN_ALONE : GAIN);
  return isBetter ? path.map((key) => best.get(key).part) : [digit];
}

function isDigitLike({ box }, height) {
  const width = boxWidth(box);
  return NARROW * height <= width && width <= BROAD * height && boxHeight(box) >= LOW * height;
}

/** Where the ink is low, as between two digits that touch, from left to right. */
function cutsOf(ink) {
  const { height, width } = ink;
  const found = SLANTS.flatMap((slant) => lowColumns(ink, slant));
  const rank = (one, other) =>
    one.high - other.high ||
    Math.abs(one.slant) - Math.abs(other.slant) ||
    one.slant - other.slant ||
    one.column - other.column;
  const most = FEW_CUTS + roundEven((MORE_CUTS * width) / height);
  const chosen = [];
  for (const cut of found.sort(rank)) {
    const isFree = chosen.every((other) => Math.abs(cut.column - other.column) >= NEXT_CUT * height);
    if (isFree && chosen.length < most) chosen.push(cut);
  }
  return chosen.sort((one, other) => one.column - other.column);
}

/** The columns of one lean in which the ink is no higher than beside them. */
function lowColumns({ height, width, data }, slant) {
  const upper = new Int32Array(width + 2 * height).fill(height);
  const lower = new Int32Array(width + 2 * height).fill(-1);
  for (let i = 0; i < data.length; i++) {
    if (!(data[i] > 0.5)) continue;
    const row = Math.floor(i / width);
    const place = roundEven((i % width) + slant * (row - (height - 1) / 2)) + height;
    if (row < upper[place]) upper[place] = row;
    if (row > lower[place]) lower[place] = row;
  }
  const high = (column) => Math.max(0, lower[column + height] - upper[column + height] + 1);
  const edge = roundEven(CUT_MARGIN * height);
  const found = [];
  for (let column = Math.max(1, edge); column < Math.min(width - 1, width - edge); column++) {
    const isLow = high(column) <= Math.min(high(column - 1), high(column + 1));
    if (isLow && high(column) <= THROUGH * height) found.push({ column, slant, high: high(column) });
  }
  return found;
}

/** The ink between two cuts; null where there is hardly any. */
function partBetween(digit, left, right, share) {
  const { height, width, data } = digit.ink;
  const ink = makeGrid(height, width, data.slice());
  for (let y = 0; y < height; y++) {
    const lean = y - (height - 1) / 2;
    for (let x = 0; x < width; x++) {
      const isInside = x + left.slant * lean > left.column - share && x + right.slant * lean <= right.column + share;
      if (!isInside) ink.data[y * width + x] = 0;
    }
  }
  const inked = dark(ink);
  if (inked.data.reduce((sum, value) => sum + value, 0) < 6) return null;
  const box = boxOf(inked);
  const part = makeGrid(boxHeight(box), boxWidth(box), new Float32Array(boxHeight(box) * boxWidth(box)));
  for (let y = 0; y < part.height; y++) {
    const start = (box.top + y) * width + box.left;
    part.data.set(ink.data.subarray(start, start + part.width), y * part.width);
  }
  const [top, first] = [digit.box.top + box.top, digit.box.left + box.left];
  const place = { top, left: first, bottom: top + part.height, right: first + part.width };
  return { box: place, ink: part, isDoubtful: true, isBar: false };
}

/** The steps from the first cut to the last with the largest sum, as keys, and that sum. */
function bestPath(best, count) {
  const sums = [0, ...new Array(count - 1).fill(-Infinity)];
  const steps = new Array(count).fill(-1);
  for (let to = 1; to < count; to++) {
    for (let from = 0; from < to; from++) {
      const value = sums[from] + (best.get(from * count + to)?.value ?? -Infinity);
      if (value > sums[to]) [sums[to], steps[to]] = [value, from];
    }
  }
  const path = [];
  for (let place = count - 1; place && steps[place] >= 0; place = steps[place]) {
    path.unshift(steps[place] * count + place);
  }
  return { path, value: sums[count - 1] };
}
