/** What stands on a stem and is no 1 or 7, whatever the network says: arrows, brackets, bows, what leans back. */

import { roundEven } from "./arrays.mjs";
import { dark } from "./form.mjs";
import { strokePixels } from "./strokes.mjs";
import { SMALLEST, rowEnds, trimmed } from "./upstroke.mjs";

const UPPER = 0.3; // of the height: between this and that a stem is nothing else
const LOWER_STEM = 0.7;
const FOOT = 0.85; // of the height: below it a 1 may have a bar
const BESIDE_STEM = 1.15; // strokes: how far a 1 reaches to the right of its stem's line
const BOW = 1.9; // strokes: how far it falls short of it
const LOW_BREADTH = 3; // strokes: a 1 between its middle and its foot
const BACK = 0.45; // columns per row: how far a 1 leans back
const BAR = 0.12; // of the height: a 7's bar, and what hangs from it, in strokes, to the right of its stem:
const HANGING = 2.2;

/**
 * Whether a sign's strokes say that it is not the digit that it reads as; of others than 1 and 7 they say nothing.
 * @param {number} digit As the network reads it.
 * @param {Grid} ink float32, 0..1, some of it above 0.5.
 */
export function contradicts(digit, ink) {
  if (digit !== 1 && digit !== 7) return false;
  const mask = trimmed(dark(ink));
  const rows = Array.from({ length: mask.height }, (_, y) => rowEnds(mask, y));
  if (mask.height < SMALLEST || rows.some(({ area }) => !area)) return false;
  const stroke = strokePixels(mask);
  return digit === 1 ? isNoOne(rows, stroke) : hanging(rows, stroke) > HANGING;
}

function isNoOne(rows, stroke) {
  const height = rows.length;
  const stem = rows.map(({ right }, y) => ({ y, right }));
  const middleRows = stem.slice(Math.floor(UPPER * height), Math.floor(LOWER_STEM * height) + 1);
  const average = (use) => middleRows.reduce((sum, place) => sum + use(place), 0) / middleRows.length;
  const [middle, column] = [average(({ y }) => y), average(({ right }) => right)];
  const lean = average(({ y, right }) => (y - middle) * right) / average(({ y }) => (y - middle) ** 2);
  const beside = stem.slice(0, Math.floor(FOOT * height)).map(({ y, right }) => right - column - lean * (y - middle));
  const low = rows.slice(Math.floor(0.55 * height), Math.floor(FOOT * height));
  const breadth = Math.max(...low.map(({ left, right }) => right - left + 1));
  const isBent = Math.max(...beside) > BESIDE_STEM * stroke || -Math.min(...beside) > BOW * stroke;
  return isBent || breadth > LOW_BREADTH * stroke || lean > BACK;
}

/** How far the right edge jumps back below the bar where it did not jump out before, in strokes. */
function hanging(rows, stroke) {
  const edge = rows.slice(Math.floor(BAR * rows.length)).map(({ right }) => right);
  const high = Math.max(1, roundEven(stroke));
  if (edge.length <= high) return 0;
  const steps = edge.slice(high).map((right, i) => right - edge[i]);
  const back = steps.indexOf(Math.min(...steps));
  return (-steps[back] - Math.max(0, ...steps.slice(0, back + 1))) / stroke;
}
