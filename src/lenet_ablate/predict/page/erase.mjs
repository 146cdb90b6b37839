/** The pixels that are a ruled line's alone; what crosses a line stays whole. */

import { makeGrid, roundEven } from "./arrays.mjs";
import { boxesOf } from "./boxes.mjs";
import { rowOf } from "./lines.mjs";
import { label } from "./ndimage.mjs";
import { runEnds } from "./strokes.mjs";

const REMAINS = 1.5; // thicknesses, and 3 pixels: how far from lines that meet something is left of them
const BESIDE = 2; // pixels to the sides where a stroke that crosses a line may go on
const MEND = 6; // strokes: how far apart two ends of one sign stand on a line that its stroke ran in

/**
 * The pixels of level lines where ink goes on across for not much longer than they are thick.
 * @param {Line[]} lines
 * @param {Grid} labels Of the lines' pieces.
 * @param {Int32Array} down From `runs`.
 * @returns {Grid} uint8.
 */
export function owned(lines, { height, width, data }, down) {
  const most = new Map();
  for (const line of lines) for (const number of line.segments) most.set(number, 1.5 * line.thickness + 1.5);
  const own = makeGrid(height, width, new Uint8Array(height * width));
  data.forEach((number, i) => {
    if (number && down[i] <= (most.get(number) ?? 0)) own.data[i] = 1;
  });
  return own;
}

/**
 * Those of them that are no stroke's too: there ink goes on above and below.
 * @param {Grid} own uint8, pixels of level lines.
 * @param {Grid} rest uint8, ink of no line.
 * @returns {Grid} uint8.
 */
export function uncrossed(own, rest) {
  const { height, width, data } = own;
  const { first, last } = runEnds(own);
  const goesOn = (row, column) => {
    if (row < 0 || row >= height) return false;
    for (let x = Math.max(0, column - BESIDE); x <= Math.min(width - 1, column + BESIDE); x++) {
      if (rest.data[row * width + x]) return true;
    }
    return false;
  };
  const isCrossed = (i) => goesOn(first[i] - 1, i % width) && goesOn(last[i] + 1, i % width);
  return makeGrid(height, width, data.map((value, i) => (value && !isCrossed(i) ? 1 : 0)));
}

/**
 * What is removed but for where a stroke runs on within level lines: between two ends of one sign on one side.
 * @param {Grid} mask uint8.
 * @param {Grid} removed uint8.
 * @param {Line[]} lines
 * @param {number} stroke In pixels.
 * @returns {Grid} uint8.
 */
export function mended(mask, removed, lines, stroke) {
  const { height, width } = mask;
  const kept = makeGrid(height, width, removed.data.slice());
  if (!lines.length) return kept;
  const { labels } = label(without(mask, removed));
  for (const line of lines) {
    const reach = Math.ceil(line.thickness) + 1;
    const middle = (column) => roundEven(rowOf(line, column));
    for (const side of [-1, 1]) {
      let [end, sign] = [-1, 0];
      for (let column = line.first; column <= line.last; column++) {
        const found = signBeside(labels, middle(column), column, side, reach);
        if (!found) continue;
        if (found === sign && column - end > 1 && column - end <= MEND * stroke) {
          const rows = [Math.max(0, middle(end) - reach), Math.min(height - 1, middle(end) + reach)];
          for (let y = rows[0]; y <= rows[1]; y++) kept.data.fill(0, y * width + end, y * width + column + 1);
        }
        [end, sign] = [column, found];
      }
    }
  }
  return kept;
}

/** The nearest piece beside a line's middle, on one side. */
function signBeside({ height, width, data }, middle, column, side, reach) {
  for (let away = 1; away <= reach; away++) {
    const row = Math.min(height - 1, Math.max(0, middle + side * away));
    if (data[row * width + column]) return data[row * width + column];
  }
  return 0;
}

/**
 * @param {Grid} mask uint8.
 * @param {Grid} gone uint8.
 * @returns {Grid} uint8, what of the mask is not gone.
 */
export function without(mask, gone) {
  return makeGrid(mask.height, mask.width, mask.data.map((value, i) => (value && !gone.data[i] ? 1 : 0)));
}

/**
 * What is left of level lines: pieces that do not reach beyond them.
 * @param {Grid} rest uint8.
 * @param {Line[]} lines
 * @returns {Grid} uint8.
 */
export function crumbs(rest, lines) {
  return piecesWhere(rest, lines.length, (box) =>
    lines.some((line) => {
      const middle = rowOf(line, (box.left + box.right - 1) / 2);
      const near = 1.5 * line.thickness + 1;
      const isOn = middle - near <= box.top && box.bottom - 1 <= middle + near;
      return isOn && line.first - near <= box.left && box.right - 1 <= line.last + near;
    }),
  );
}

/**
 * What is left where two lines meet: small pieces near both.
 * @param {Grid} rest uint8.
 * @param {Line[]} level
 * @param {Line[]} upright
 * @returns {Grid} uint8.
 */
export function corners(rest, level, upright) {
  return piecesWhere(rest, level.length && upright.length, (box) => {
    const along = [box.left, box.right - 1];
    const down = [box.top, box.bottom - 1];
    return level.some((line) => isBeside(line, along, down)) && upright.some((line) => isBeside(line, down, along));
  });
}

/** Whether a box lies near a level line, all of it. */
function isBeside(line, along, across) {
  const near = REMAINS * line.thickness + 3;
  const middle = rowOf(line, (along[0] + along[1]) / 2);
  const isAlong = line.first - near <= along[0] && along[1] <= line.last + near;
  return isAlong && middle - near <= across[0] && across[1] <= middle + near;
}

/** The pixels of pieces whose box is wanted. */
function piecesWhere(rest, isAsked, isWanted) {
  const chosen = makeGrid(rest.height, rest.width, new Uint8Array(rest.data.length));
  if (!isAsked) return chosen;
  const { labels, count } = label(rest);
  const wanted = boxesOf(labels, count).boxes.map((box, number) => number > 0 && isWanted(box));
  labels.data.forEach((number, i) => {
    if (wanted[number]) chosen.data[i] = 1;
  });
  return chosen;
}
