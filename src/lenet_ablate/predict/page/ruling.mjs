/** Ruled lines, squares, boxes, tables and frames: which candidates are lines, and no strokes of digits. */

import { makeGrid } from "./arrays.mjs";
import { boxHeight, boxWidth, boxesOf } from "./boxes.mjs";
import { linePixels, refined } from "./course.mjs";
import { corners, crumbs, mended, owned, uncrossed, without } from "./erase.mjs";
import { findColumns, findGrid, isOnGrid } from "./grid.mjs";
import { THIN_LINE, lineCandidates, lineLength, rowOf } from "./lines.mjs";
import { label, maximumFilter } from "./ndimage.mjs";
import { runs, strokePixels, transposed } from "./strokes.mjs";

const FAINTEST = 0.25; // of the usual ink's strength
const SMALL_PIECE = 0.2; // of the largest: it tells nothing of the writing
const COVERED = 0.55; // of a line's length: its pieces
const ALONE = 1.6; // times the writing's size: length of a line that is alone
const ACROSS = 1.15; // the same from edge to edge of the picture
const UPRIGHT = 1.8; // the same of lines that might be a 1
const PENNED = 3.5; // times the writing's size: a line alone that is as broad as its strokes, a 1 or a 7's bar
const MARGIN_LINE = 1.5;
const SEVERAL = 3; // pieces of more than a part of the usual size
const FEW = 1.6; // times as long is a line beside fewer
const HALF = 0.6;
const CELL = 1.1; // times the writing's size: a box that is smaller is a 0
const WHOLE = 0.9; // of its box's side: a wall; the sides of a 0 are bent
const LONGER = 3; // times as long as a stroke beside it is a line of a grid
const CORNER = 1.5; // thicknesses, and 2 pixels: how near lines that meet come to each other

/**
 * The ink without ruled lines, in two ways where there are any; beside strokes nothing of a line's grey edge is left.
 * @param {Ink} ink
 * @returns {Ink[]} At least one.
 */
export function withoutLines(ink) {
  const { height, width } = ink.mask;
  const found = makeGrid(height, width, Uint8Array.from(ink.strength.data, (value) => (value > FAINTEST ? 1 : 0)));
  const lines = findLines(found);
  return lines ? [found, ink.mask].map((seen) => withoutPixels(ink, erasedPixels(seen, lines))) : [ink];
}

function withoutPixels(ink, gone) {
  const { height, width } = ink.mask;
  const mask = without(ink.mask, gone);
  const near = maximumFilter(gone, 5);
  const strength = ink.strength.data.map((value, i) => (near.data[i] && !mask.data[i] ? 0 : value));
  return { strength: makeGrid(height, width, strength), mask };
}

/** The ruled lines; they may be paler than what is written; null where there is none. */
function findLines(mask) {
  if (!mask.data.includes(1)) return null;
  const turned = transposed(mask);
  const stroke = strokePixels(mask);
  const [down, along] = [runs(mask), runs(turned)];
  const levels = lineCandidates(mask, down, stroke);
  const uprights = lineCandidates(turned, along, stroke);
  const paint = (level, upright) => {
    const own = owned(level, levels.labels, down);
    const other = owned(upright, uprights.labels, along);
    const rest = without(without(mask, own), transposed(other));
    return union(uncrossed(own, rest), transposed(uncrossed(other, transposed(rest))));
  };
  const { level, upright } = acceptedLines(mask, stroke, levels.lines, uprights.lines, paint);
  if (!level.length && !upright.length) return null;
  return {
    level: level.map((line) => refined(line, mask, levels.labels, down, stroke)),
    upright: upright.map((line) => refined(line, turned, uprights.labels, along, stroke)),
    stroke,
  };
}

/** The pixels that are the lines' alone, as a mask shows them: faint ones too, or ink that is surely some. */
function erasedPixels(mask, { level, upright, stroke }) {
  const turned = transposed(mask);
  const [own, other] = [linePixels(level, mask), linePixels(upright, turned)];
  const rest = without(without(mask, own), transposed(other));
  let removed = union(uncrossed(own, rest), transposed(uncrossed(other, transposed(rest))));
  removed = mended(mask, removed, level, stroke);
  removed = transposed(mended(turned, transposed(removed), upright, stroke));
  removed = union(removed, crumbs(without(mask, removed), level));
  removed = union(removed, transposed(crumbs(transposed(without(mask, removed)), upright)));
  return union(removed, corners(without(mask, removed), level, upright));
}

/** The candidates that are lines: by their length, or because lines that meet them hold them. */
function acceptedLines(mask, stroke, everyLevel, everyUpright, paint) {
  const { height, width } = mask;
  const rest = (gone) => without(mask, gone);
  const grid = findGrid(everyLevel, width);
  const columns = findColumns(everyUpright, height, grid);
  const [levels, uprights] = [withoutStrokes(everyLevel, grid), withoutStrokes(everyUpright, columns)];
  const allUpright = paint([], uprights);
  const every = paint(levels, uprights);
  let boxed = boxedLines(levels, uprights, writingOf(rest(every), stroke).size, mask);
  if (boxed.level.length) {
    const bare = rest(paint(boxed.level, boxed.upright)); // strokes that might be lines were no writing so far
    boxed = boxedLines(levels, uprights, writingOf(bare, stroke).size, mask);
  }
  if (grid) boxed.level.push(...levels.filter((line) => isOnGrid(grid, line)));
  if (columns) boxed.upright.push(...uprights.filter((line) => isOnGrid(columns, line)));
  let gone = paint(boxed.level, boxed.upright);
  const open = rest(union(paint(levels, []), gone));
  let writing = writingOf(open, stroke);
  const least = (line, part) => (line.thickness <= part.pen ? part.thin : PENNED);
  const across = { pen: penOf(open), thin: ALONE };
  const level = levels.filter(
    (line) => boxed.level.includes(line) || isLong(line, writing, width, ACROSS, least(line, across)),
  );
  gone = union(gone, paint(level, []));
  const bare = rest(union(gone, allUpright));
  const alone = writingOf(bare, stroke);
  writing = larger(alone, writingOf(rest(gone), stroke));
  const along = { pen: penOf(bare), thin: UPRIGHT };
  const thin = level.length ? width : along.pen;
  const upright = uprights.filter(
    (line) =>
      boxed.upright.includes(line) ||
      isLong(line, writing, height, MARGIN_LINE, least(line, along)) ||
      (line.thickness <= thin && isLong(line, alone, height, MARGIN_LINE, Infinity)),
  );
  const held = (lines, even) => lines.filter((line) => !even || isOnGrid(even, line));
  return withHeld(held(levels, grid), held(uprights, columns), level, upright, alone.size);
}

/** The candidates without strokes along a line of the grid and apart from it, as the bar of a 7 may run. */
function withoutStrokes(lines, grid) {
  if (!grid) return lines;
  const isAlong = (line, other) => {
    const isWithin = other.first <= line.first && line.last <= other.last && other.covered >= WHOLE;
    if (!isWithin || lineLength(other) < LONGER * lineLength(line)) return false;
    const middle = (line.first + line.last) / 2;
    const apart = Math.abs(rowOf(line, middle) - rowOf(other, middle));
    return (line.thickness + other.thickness) / 2 < apart && apart < grid.pitch / 2;
  };
  return lines.filter((line) => !lines.some((other) => isAlong(line, other)));
}

/** The thickness up to which a line is thinner than the strokes of what is left. */
function penOf(rest) {
  return rest.data.includes(1) ? THIN_LINE * strokePixels(rest) : 0;
}

function union(one, other) {
  return makeGrid(one.height, one.width, one.data.map((value, i) => value | other.data[i]));
}

/** What is left without lines: the usual size of pieces not small beside the largest, and how many these are. */
function writingOf(rest, stroke) {
  const { labels, count } = label(rest);
  const boxes = boxesOf(labels, count).boxes.slice(1);
  const sizes = boxes.map((box) => Math.max(boxHeight(box), boxWidth(box))).filter((size) => size >= 3 * stroke);
  if (!sizes.length) return { size: 0, count: 0 };
  sizes.sort((one, other) => one - other);
  const most = sizes[sizes.length - Math.max(1, Math.floor(sizes.length / 10))];
  const large = sizes.filter((size) => size >= SMALL_PIECE * most);
  const usual = large[(large.length - 1) >> 1];
  return { size: usual, count: large.filter((size) => size >= HALF * usual).length };
}

function larger(one, other) {
  return one.size > other.size || (one.size === other.size && one.count >= other.count) ? one : other;
}

/** The lines among candidates, with those that others hold. */
function withHeld(levels, uprights, level, upright, size) {
  for (;;) {
    const moreLevel = levels.filter((line) => !level.includes(line) && isHeld(line, upright, size));
    const moreUpright = uprights.filter((line) => !upright.includes(line) && isHeld(line, level, size));
    if (!moreLevel.length && !moreUpright.length) return { level, upright };
    [level, upright] = [level.concat(moreLevel), upright.concat(moreUpright)];
  }
}

function isLong(line, writing, side, across, alone) {
  if (!writing.size || line.covered < COVERED) return false;
  if (line.first <= 2 && line.last >= side - 3) return lineLength(line) >= across * writing.size;
  return lineLength(line) >= (writing.count >= SEVERAL ? alone : FEW * alone) * writing.size;
}

/** Whether a line that is longer than the writing is high meets two lines, as the walls of a table's cells do. */
function isHeld(line, across, size) {
  return size > 0 && lineLength(line) >= CELL * size && across.filter((other) => meets(line, other)).length > 1;
}

/** Whether a level line and an upright one, or the other way round, cross or come close to it. */
function meets(line, other) {
  const near = CORNER * Math.max(line.thickness, other.thickness) + 2;
  const column = rowOf(other, (line.start + line.end) / 2);
  const row = rowOf(line, column);
  const isIn = ({ first, last }, place) => first - near <= place && place <= last + near;
  return isIn(line, column) && isIn(other, row);
}

/** The walls of boxes that are larger than the writing; one wall may be the picture's edge. */
function boxedLines(levels, uprights, size, { height, width }) {
  const found = { level: [], upright: [] };
  if (!size) return found;
  const sides = [edgeLine(0, height), edgeLine(width - 1, height)];
  const tall = [...uprights.filter((line) => lineLength(line) >= CELL * size), ...sides];
  const wide = levels.filter((line) => lineLength(line) >= 0.5 * CELL * size);
  tall.sort((one, other) => one.start - other.start);
  tall.forEach((left, place) => {
    for (const right of tall.slice(place + 1)) {
      const isWall = (line) => lineLength(line) >= WHOLE * (right.start - left.start);
      const own = wide.filter((line) => isWall(line) && meets(line, left) && meets(line, right));
      const real = [left, right].filter((line) => !sides.includes(line));
      const ends = [edgeLine(0, width), edgeLine(height - 1, width)].filter((edge) => isBetween(edge, left, right));
      const rows = own.concat(real.length === 2 ? ends : []).map((line) => line.start);
      const high = rows.length ? Math.max(...rows) - Math.min(...rows) : 0;
      const isWhole = real.length > 0 && Math.min(...real.map(lineLength)) >= WHOLE * high;
      const isClosed = rows.length > 1 && own.length > 0 && real.length + Math.min(own.length, 2) > 2;
      if (!isClosed || high < CELL * size || !isWhole) continue;
      found.level.push(...own);
      found.upright.push(...real);
    }
  });
  return found;
}

/** A side of the picture as a line. */
function edgeLine(place, length) {
  return { first: 0, last: length - 1, start: place, end: place, thickness: 1, segments: [], covered: 1 };
}

/** Whether two upright lines both end at an edge of the picture. */
function isBetween(edge, left, right) {
  const away = ({ first, last }) => Math.min(Math.abs(first - edge.start), Math.abs(last - edge.start));
  return away(left) <= 2 && away(right) <= 2;
}
