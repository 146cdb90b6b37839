/** How broad strokes are, and how far ink runs on down a column. */

import { makeGrid, pad } from "./arrays.mjs";
import { boxHeight, boxOf, boxWidth } from "./boxes.mjs";
import { maximumFilter } from "./ndimage.mjs";

/**
 * Of each pixel of ink the first and the last row of its run along its column; 0 of paper.
 * @param {Grid} mask uint8, 0 or 1.
 * @returns {{first: Int32Array, last: Int32Array}}
 */
export function runEnds({ height, width, data }) {
  const [first, last] = [new Int32Array(data.length), new Int32Array(data.length)];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const place = y * width + x;
      if (data[place]) first[place] = y && data[place - width] ? first[place - width] : y;
    }
    for (let y = height - 1; y >= 0; y--) {
      const place = y * width + x;
      if (data[place]) last[place] = y < height - 1 && data[place + width] ? last[place + width] : y;
    }
  }
  return { first, last };
}

/**
 * Of each pixel of ink the length of the run along its column; 0 of paper.
 * @param {Grid} mask uint8.
 * @returns {Int32Array}
 */
export function runs(mask) {
  const { first, last } = runEnds(mask);
  return last.map((row, i) => (mask.data[i] ? row - first[i] + 1 : 0));
}

/**
 * Rows for columns.
 * @param {Grid} grid
 * @returns {Grid} Of the same type.
 */
export function transposed({ height, width, data }) {
  const turned = new data.constructor(data.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) turned[x * height + y] = data[y * width + x];
  return makeGrid(width, height, turned);
}

/**
 * The usual breadth of strokes in pixels: twice the area over the perimeter.
 * @param {Grid} mask (H, W) uint8, with at least one pixel of ink.
 */
export function strokePixels(mask) {
  const padded = pad(mask, 1);
  const paper = makeGrid(padded.height, padded.width, padded.data.map((value) => 1 - value));
  const nearPaper = maximumFilter(paper, 3);
  let [area, perimeter] = [0, 0];
  for (let i = 0; i < padded.data.length; i++) {
    area += padded.data[i];
    perimeter += padded.data[i] * nearPaper.data[i];
  }
  return (2 * area) / perimeter;
}

/**
 * The same as a fraction of the longer side of the ink's box; of MNIST's digits 0.06 to 0.2.
 * @param {Grid} mask (H, W) uint8, with at least one pixel of ink.
 */
export function strokeWidth(mask) {
  const box = boxOf(mask);
  return strokePixels(mask) / Math.max(boxHeight(box), boxWidth(box));
}
