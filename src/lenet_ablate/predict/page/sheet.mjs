/** The sheet in a picture, told from the desk that it lies on: what lies beside it is covered with paper. */

import { makeGrid, mean, median, select } from "./arrays.mjs";
import { boxesOf } from "./boxes.mjs";
import { above, negated, otsu } from "./ink.mjs";
import { WORK_SIDE } from "./load.mjs";
import { fillHoles, label, maximumFilter, nearest } from "./ndimage.mjs";

const STEP = 8; // pixels, side of the blocks that are looked at
const LEAST_SHARE = 0.12; // of the picture: a sheet
const MOST_SHARE = 0.9;
const EVEN_SIDED = 0.86; // of the smallest rectangle round it, in steps of degrees: a sheet; a filled 0 has 0.79
const TURN = 3;
const SOLID = 0.78; // of that rectangle, with no more of it in holes: one seen at an angle, torn or bent
const WRITTEN = 0.08;
const DESK = 0.8; // of a side of the picture, and of how many: the desk
const SIDES = 3;
const CONTRAST = 35; // grey levels of 255 between sheet and desk
const SHARP = 0.6; // of that contrast within three blocks: the end of a sheet; shadows end softly
const MIN_BLOCKS = 12;

/**
 * The picture with nothing but paper around its sheet; the same picture where no sheet lies on anything darker.
 * @param {Picture} picture
 * @returns {Picture}
 */
export function onPaper(picture) {
  const { grey } = picture;
  const { height, width } = grey;
  if (picture.longerSide <= WORK_SIDE || Math.min(height, width) < MIN_BLOCKS * STEP) return picture;
  const means = blockMeans(grey);
  const sheet = sheetOf(means);
  if (!sheet) return picture;
  const outside = maximumFilter(negated(sheet), 3);
  if (!outside.data.includes(0)) return picture;
  const from = nearest(outside);
  const paper = brightest(means);
  const covered = grey.data.map((value, i) => {
    const row = Math.min(means.height - 1, Math.floor(Math.floor(i / width) / STEP));
    const block = row * means.width + Math.min(means.width - 1, Math.floor((i % width) / STEP));
    return outside.data[block] ? paper[from[block]] : value;
  });
  return { ...picture, grey: makeGrid(height, width, covered) };
}

/** Means over blocks; the last rows and columns may be left out. */
function blockMeans({ height, width, data }) {
  const [rows, columns] = [Math.floor(height / STEP), Math.floor(width / STEP)];
  const sums = new Float64Array(rows * columns);
  for (let y = 0; y < rows * STEP; y++) {
    for (let x = 0; x < columns * STEP; x++) {
      sums[Math.floor(y / STEP) * columns + Math.floor(x / STEP)] += data[y * width + x];
    }
  }
  return makeGrid(rows, columns, sums.map((sum) => sum / STEP ** 2));
}

/** The paper's brightness around each block: the largest of its neighbourhood, which no stroke fills. */
function brightest(means) {
  return maximumFilter(means, 3).data;
}

/** The blocks of the sheet, those of the writing on it among them. */
function sheetOf(means) {
  const { labels, count } = label(above(means, otsu(means.data)));
  if (!count) return null;
  const areas = boxesOf(labels, count).areas;
  areas[0] = 0;
  const largest = areas.indexOf(Math.max(...areas));
  const pixels = Uint8Array.from(labels.data, (piece) => (piece === largest ? 1 : 0));
  const sheet = fillHoles(makeGrid(means.height, means.width, pixels));
  const share = mean(sheet.data);
  if (share < LEAST_SHARE || share > MOST_SHARE) return null;
  const isLying = deskShares(sheet).filter((desk) => desk >= DESK).length >= SIDES;
  return isLying && isSheet(sheet, areas[largest]) && isSharp(means, sheet) ? sheet : null;
}

/** Whether it has the shape of a sheet, and is no digit in chalk, of which the holes are filled. */
function isSheet(sheet, bright) {
  const area = sheet.data.reduce((sum, value) => sum + value, 0);
  const filled = area / rectangleRound(sheet);
  return filled >= EVEN_SIDED || (filled >= SOLID && 1 - bright / area <= WRITTEN);
}

/** The area of the smallest rectangle round a region, turned or not. */
function rectangleRound({ height, width, data }) {
  const points = [];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    if (row.includes(1)) points.push([row.indexOf(1), y], [row.lastIndexOf(1), y]);
  }
  let smallest = Infinity;
  for (let degrees = 0; degrees < 90; degrees += TURN) {
    const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    const block = cos + sin; // what a block itself takes up in either direction
    const across = spread(points.map(([x, y]) => x * cos + y * sin)) + block;
    const down = spread(points.map(([x, y]) => y * cos - x * sin)) + block;
    smallest = Math.min(smallest, across * down);
  }
  return smallest;
}

function spread(values) {
  return Math.max(...values) - Math.min(...values);
}

/** How much of each side of the picture is no sheet. */
function deskShares({ height, width, data }) {
  const column = (x) => Uint8Array.from({ length: height }, (_, y) => data[y * width + x]);
  const sides = [data.subarray(0, width), data.subarray((height - 1) * width), column(0), column(width - 1)];
  return sides.map((side) => 1 - mean(side));
}

/** Whether the brightness falls by much, and by most of it right at the end of the sheet. */
function isSharp(means, sheet) {
  const desk = negated(sheet);
  const middle = (mask) => median(select(means.data, mask));
  const contrast = middle(sheet.data) - middle(desk.data);
  const [deep, near, far] = [maximumFilter(desk, 5), maximumFilter(sheet, 3), maximumFilter(sheet, 5)];
  const inside = sheet.data.map((value, i) => (value && deep.data[i] ? 1 : 0));
  const outside = far.data.map((value, i) => (value && !near.data[i] ? 1 : 0));
  if (contrast < CONTRAST || !outside.includes(1) || !inside.includes(1)) return false;
  return middle(inside) - middle(outside) >= SHARP * contrast;
}
