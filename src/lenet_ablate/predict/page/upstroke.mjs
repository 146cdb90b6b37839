/** A 1 that begins with a stroke upwards, as much of the world writes it; MNIST has few, its networks read 7 or 4. */

import { makeGrid, roundEven } from "./arrays.mjs";
import { boxHeight, boxOf, boxWidth } from "./boxes.mjs";
import { dark } from "./form.mjs";
import { strokePixels } from "./strokes.mjs";

export const SMALLEST = 12; // pixels: of a smaller sign nothing can be told
const WIDEST_ONE = 0.85; // of its height
const STRAIGHT_STEM = 0.45; // strokes: how far the stem's right edge strays from a straight line
const RIGHT = 0.2; // columns per row: how far the stem leans
const LEFT = 0.6;
const STEM = 1.9; // strokes: its breadth
const FLAG = 0.1; // of the height: how far the upstroke reaches to the left
const LOWEST = 0.6; // of the height: and down
const STEEP = 0.7; // rows per column: a 7's bar is more level
const APEX = 2; // strokes: how near to the stem its top is, and how broad
const LOOSE = 0.06; // of the rows below the upstroke may be broader or parted

/**
 * Whether a sign is a straight stem with a stroke that comes up to its top from the left, and nothing else.
 * @param {Grid} ink float32, 0..1, some of it above 0.5.
 */
export function hasUpstroke(ink) {
  const mask = trimmed(dark(ink));
  const { height, width } = mask;
  const rows = Array.from({ length: height }, (_, y) => rowEnds(mask, y));
  if (rows.some(({ area }) => !area) || width > WIDEST_ONE * height || height < SMALLEST) return false;
  const stroke = strokePixels(mask);
  const upper = rows.slice(0, roundEven(LOWEST * height)).map(({ left }) => left);
  const low = upper.indexOf(Math.min(...upper));
  const edge = low > 0 ? stemEdge(rows, stroke) : null;
  if (!edge) return false;
  const ends = rows.slice(Math.min(height - 1, roundEven(low + stroke)));
  const broad = ends.filter(({ left, right, area }) => right - left + 1 > STEM * stroke || area < right - left + 1);
  if (broad.length > LOOSE * ends.length || ends.length < ((1 - LOWEST) * height) / 2) return false;
  if (edge(low) - rows[low].left - stroke < FLAG * height) return false;
  return isFlag(mask, rows.slice(0, low + 1), edge(0), stroke);
}

/** The part of a mask that has ink. */
export function trimmed(mask) {
  const box = boxOf(mask);
  const cut = makeGrid(boxHeight(box), boxWidth(box), new Uint8Array(boxHeight(box) * boxWidth(box)));
  for (let y = 0; y < cut.height; y++) {
    const first = (box.top + y) * mask.width + box.left;
    cut.data.set(mask.data.subarray(first, first + cut.width), y * cut.width);
  }
  return cut;
}

/** First and last pixel of a row, how many there are and in how many runs. */
export function rowEnds({ width, data }, y) {
  const row = Array.from(data.subarray(y * width, (y + 1) * width));
  const area = row.reduce((sum, value) => sum + value, 0);
  const count = row.filter((value, x) => value && !row[x - 1]).length;
  return { left: row.indexOf(1), right: row.lastIndexOf(1), area, count };
}

/** The column of the stem's right edge by row; null where that is not straight or leans too far. */
function stemEdge(rows, stroke) {
  const [first, last] = [roundEven(0.08 * rows.length), roundEven(0.94 * rows.length)];
  const stem = rows.slice(first, last).map(({ right }, i) => ({ y: first + i, right }));
  const average = (use) => stem.reduce((sum, place) => sum + use(place), 0) / stem.length;
  const [middle, column] = [average(({ y }) => y), average(({ right }) => right)];
  const lean = average(({ y, right }) => (y - middle) * right) / average(({ y }) => (y - middle) ** 2);
  const edge = (y) => column + lean * (y - middle);
  const stray = average(({ y, right }) => Math.abs(right - edge(y)));
  return lean < -LEFT || lean > RIGHT || stray > STRAIGHT_STEM * stroke ? null : edge;
}

/** Whether the rows down to the upstroke's end are one stroke that parts from the stem at its top and falls steeply. */
function isFlag({ width, data }, rows, edge, stroke) {
  const top = new Set();
  const high = Math.max(1, roundEven(stroke / 2));
  for (let i = 0; i < high * width; i++) if (data[i]) top.add(i % width);
  const [first, last] = [Math.min(...top), Math.max(...top)];
  if (first < edge - APEX * stroke || last - first >= APEX * stroke) return false;
  if (rows.some(({ count }, y) => count > 2 || (y && count < rows[y - 1].count))) return false;
  const back = rows.reduce((sum, { left }, y) => sum + (y ? Math.max(0, left - rows[y - 1].left) : 0), 0);
  const middle = Array.from(top).reduce((sum, x) => sum + x, 0) / top.size;
  const steep = (rows.length - 1) / Math.max(1, middle - rows.at(-1).left);
  return steep >= STEEP && back <= stroke / 2;
}
