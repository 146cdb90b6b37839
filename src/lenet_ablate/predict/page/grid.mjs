/** Ruled paper: lines that are parallel, equally far apart and long, whatever is written on them. */

import { median, roundEven } from "./arrays.mjs";
import { lineLength, rowOf } from "./lines.mjs";

const FEWEST_LINES = 3;
const LONG = 0.5; // of the picture: lines that tell of a grid
const WHOLE_LINE = 0.75; // of the picture: upright ones, which might be three 1s
const COVERED_LINE = 0.3; // of such a line
const PARALLEL = 0.03; // rows per column
const EVEN = 0.12; // of their distance: how far off lines may be
const MOST_UNEVEN = 0.25; // of them may be further off
const MOST_STEPS = 2; // times as many distances as lines were found between: the others are hidden
const THICKER_LINE = 1.4; // times their usual thickness, plus a pixel

/**
 * @typedef {object} Ruled Parallel lines at equal distances, through the picture.
 * @property {number} offset Row of one of them in column 0.
 * @property {number} slope Rows per column.
 * @property {number} pitch Rows from one to the next.
 * @property {number} thickness Usual, in pixels.
 */

/**
 * Whether a candidate, or a piece, lies where a line of the grid runs.
 * @param {Ruled} grid
 * @param {Line} line
 */
export function isOnGrid({ offset, slope, pitch, thickness }, line) {
  const middle = (line.first + line.last) / 2;
  const places = (rowOf(line, middle) - offset - slope * middle) / pitch;
  const off = Math.abs(places - roundEven(places)) * pitch;
  const isThin = line.thickness <= THICKER_LINE * thickness + 1;
  return isThin && off <= EVEN * pitch + 1 && Math.abs(slopeOfLine(line) - slope) <= 2 * PARALLEL;
}

/**
 * The grid of a picture's level lines.
 * @param {Line[]} candidates What may be lines.
 * @param {number} side Of the picture along the lines.
 * @returns {Ruled|null}
 */
export function findGrid(candidates, side) {
  return evenGrid(candidates.filter((line) => lineLength(line) >= LONG * side), side);
}

/**
 * The grid of its upright lines.
 * @param {Line[]} candidates What may be lines.
 * @param {number} side Of the picture along the lines.
 * @param {Ruled|null} across The grid of the level lines.
 * @returns {Ruled|null}
 */
export function findColumns(candidates, side, across) {
  if (!across) return null;
  const isThin = (line) => line.thickness <= THICKER_LINE * across.thickness + 1;
  return evenGrid(candidates.filter((line) => isThin(line) && lineLength(line) >= WHOLE_LINE * side), side);
}

function evenGrid(candidates, side) {
  let long = candidates.filter((line) => line.covered >= COVERED_LINE);
  if (long.length < FEWEST_LINES) return null;
  const slope = median(Float64Array.from(long, slopeOfLine));
  long = long.filter((line) => Math.abs(slopeOfLine(line) - slope) <= PARALLEL);
  if (long.length < FEWEST_LINES) return null;
  const thickness = median(Float64Array.from(long, (line) => line.thickness));
  const offsets = long.map((line) => rowOf(line, side / 2) - (slope * side) / 2).sort((one, other) => one - other);
  const apart = offsets.slice(0, 1);
  for (const offset of offsets) if (offset - apart.at(-1) > 2 * thickness + 2) apart.push(offset);
  return apart.length < FEWEST_LINES ? null : fittedGrid(apart, slope, thickness);
}

/** The grid with the least distance that most offsets, in order, fit. */
function fittedGrid(offsets, slope, thickness) {
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const gaps = offsets.slice(1).map((offset, i) => offset - offsets[i]);
  for (const gap of gaps.slice().sort((one, other) => one - other)) {
    const steps = gaps.map((value) => Math.max(1, roundEven(value / gap)));
    const places = [0];
    for (const step of steps) places.push(places.at(-1) + step);
    const [middle, height] = [average(places), average(offsets)];
    const over = places.map((place) => place - middle);
    const spread = over.reduce((sum, value) => sum + value ** 2, 0);
    const pitch = over.reduce((sum, value, i) => sum + value * offsets[i], 0) / spread;
    const off = offsets.filter((offset, i) => Math.abs(offset - height - over[i] * pitch) > EVEN * pitch + 1);
    const isEven = gaps.every((value, i) => Math.abs(value - steps[i] * pitch) <= 2 * EVEN * pitch + 1);
    if (places.at(-1) > MOST_STEPS * gaps.length) continue;
    if (off.length <= MOST_UNEVEN * offsets.length && isEven) {
      return { offset: height - pitch * middle, slope, pitch, thickness };
    }
  }
  return null;
}

function slopeOfLine(line) {
  return (line.end - line.start) / Math.max(1, lineLength(line) - 1);
}
