/** What may be a ruled line in a picture's ink: what runs on for long, straight, level and thin. */

import { makeGrid, roundEven } from "./arrays.mjs";
import { boxesOf } from "./boxes.mjs";
import { label } from "./ndimage.mjs";
import { runs, transposed } from "./strokes.mjs";

const THICKEST = 1.7; // of the usual stroke: a line is at most so thick, plus a pixel
const LEVEL = 2.5; // strokes: what runs on level for less is no piece of a line
const MAX_SLOPE = 0.2; // 11 degrees
const STRAIGHT = 0.35; // of its thickness, plus 0.5 pixels and 0.4 % of its length: how far a piece's middle strays
const GAP = 14; // strokes, or half of what there is already: how far a line's pieces lie apart where strokes cross
const STRAY_AHEAD = 0.06; // of the gap: how far pieces point past each other
const FAR_STRAY = 0.04; // the same of pieces that are further apart
const FAR_PIECE = 8; // thicknesses: shorter pieces do not belong together over more than that
const EMPTY = 0.06; // of the longer piece, or half a stroke: how much of that is paper
const FAINT = 0.3; // the same where lines are thin, or two strokes
export const THIN_LINE = 0.8; // strokes
const MAX_SEGMENTS = 2000; // more is a texture
const MAX_LINES = 250; // the same of what pieces are joined to

/**
 * @typedef {object} Line A line that runs level; of an upright one the picture is turned over its diagonal.
 * @property {number} first First column.
 * @property {number} last Last column.
 * @property {number} start Row of its middle in the first column.
 * @property {number} end Row in the last one.
 * @property {number} thickness In pixels, usual.
 * @property {number[]} segments Numbers of its pieces.
 * @property {number} covered Fraction of its columns that its pieces have, 0..1.
 * @property {number} [bend] Four times how far its middle lies below the straight line between its ends.
 * @property {number} [waver] How far its pixels usually lie off its middle, in rows.
 */

/** @param {Line} line */
export function lineLength({ first, last }) {
  return last - first + 1;
}

/**
 * The row of a line's middle in a column, also beyond its ends.
 * @param {Line} line
 * @param {number} column
 */
export function rowOf({ first, last, start, end, bend = 0 }, column) {
  const share = (column - first) / Math.max(1, last - first);
  return start + share * (end - start + bend * (1 - share));
}

/**
 * The part of a line, or what goes on beyond it, between two columns.
 * @param {Line} line
 * @param {number} first
 * @param {number} last
 * @returns {Line}
 */
export function lineBetween(line, first, last) {
  const scale = (last - first) / Math.max(1, line.last - line.first);
  const [start, end] = [rowOf(line, first), rowOf(line, last)];
  return { ...line, first, last, start, end, bend: line.bend * scale ** 2 };
}

/**
 * What may be a level line, and the label of each pixel of a piece.
 * @param {Grid} mask uint8.
 * @param {Int32Array} down From `runs`.
 * @param {number} stroke In pixels.
 * @returns {{lines: Line[], labels: Grid}}
 */
export function lineCandidates(mask, down, stroke) {
  const { height, width, data } = mask;
  const most = THICKEST * stroke + 1;
  const thin = makeGrid(height, width, data.map((value, i) => (value && down[i] <= most ? 1 : 0)));
  const wide = makeGrid(height, width, thin.data.slice());
  for (let i = 0; i < data.length; i++) {
    if ((i >= width && thin.data[i - width]) || (i + width < data.length && thin.data[i + width])) wide.data[i] = 1;
  }
  const turned = transposed(wide);
  const along = transposed(makeGrid(width, height, runs(turned))).data;
  const least = Math.max(5, LEVEL * stroke);
  const level = makeGrid(height, width, thin.data.map((value, i) => (value && along[i] >= least ? 1 : 0)));
  const { labels, count } = label(level);
  if (!count || count > MAX_SEGMENTS) return { lines: [], labels };
  return { lines: chained(segmentsOf(labels, count, stroke), mask, stroke), labels };
}

/** Pieces that are straight and nearly level, from left to right. */
function segmentsOf(labels, count, stroke) {
  const { boxes } = boxesOf(labels, count);
  const fits = fitted(labels, count);
  const found = [];
  for (let number = 1; number <= count; number++) {
    const [first, last] = [boxes[number].left, boxes[number].right - 1];
    const length = last - first + 1;
    const { area, x, y, slope, strays } = fits[number];
    const thickness = area / length;
    const isStraight = strays <= STRAIGHT * thickness + 0.5 + 0.004 * length;
    if (length < LEVEL * stroke || Math.abs(slope) > MAX_SLOPE || !isStraight) continue;
    const [start, end] = [first, last].map((column) => y + slope * (column - x));
    found.push({ first, last, start, end, thickness, segments: [number], covered: 1 });
  }
  return found.sort((one, other) => one.first - other.first || one.start - other.start);
}

/** Of each piece its area, its middle, its slope, and how far its pixels stray from that on the average. */
function fitted({ width, data }, count) {
  const fits = Array.from({ length: count + 1 }, () => ({ area: 0, x: 0, y: 0, xx: 0, xy: 0, strays: 0 }));
  const visit = (use) => data.forEach((number, i) => number && use(fits[number], i % width, Math.floor(i / width)));
  visit((fit, x, y) => {
    fit.area++;
    fit.x += x;
    fit.y += y;
  });
  for (const fit of fits) {
    fit.x /= Math.max(1, fit.area);
    fit.y /= Math.max(1, fit.area);
  }
  visit((fit, x, y) => {
    fit.xx += (x - fit.x) ** 2;
    fit.xy += (x - fit.x) * (y - fit.y);
  });
  for (const fit of fits) fit.slope = fit.xy / Math.max(fit.xx, 1e-9);
  visit((fit, x, y) => (fit.strays += (y - fit.y - fit.slope * (x - fit.x)) ** 2));
  for (const fit of fits) fit.strays = Math.sqrt(fit.strays / Math.max(1, fit.area));
  return fits;
}

/** Pieces of one line joined over what crosses it, and over short gaps. */
function chained(segments, mask, stroke) {
  const lines = [];
  for (const segment of segments) {
    let [best, nearest] = [-1, Infinity];
    lines.forEach((line, place) => {
      const gap = segment.first - line.last - 1;
      if (gap < -2 * stroke) return;
      const thickest = Math.max(line.thickness, segment.thickness);
      const isFar = gap > Math.max(GAP * stroke, 0.5 * lineLength(line));
      if (isFar && Math.min(lineLength(line), lineLength(segment)) < FAR_PIECE * thickest) return;
      const ahead = Math.abs(rowOf(line, segment.first) - segment.start);
      const apart = ahead + Math.abs(rowOf(segment, line.last) - line.end);
      const limit = 2 * thickest + 1 + (isFar ? FAR_STRAY : STRAY_AHEAD) * Math.max(gap, 0);
      if (apart > limit || gap + 4 * apart >= nearest) return;
      if (paperBetween(line, segment, mask) > allowedPaper(line, segment, stroke)) return;
      [best, nearest] = [place, gap + 4 * apart];
    });
    if (best < 0 && lines.length >= MAX_LINES) return [];
    if (best < 0) lines.push(segment);
    else lines[best] = joinedLine(lines[best], segment);
  }
  return lines;
}

/** How much paper may lie between: the bars of sevens in a row are as thick as strokes, faint lines are thinner. */
function allowedPaper(line, segment, stroke) {
  const isThin = Math.max(line.thickness, segment.thickness) <= THIN_LINE * stroke;
  const longer = Math.max(lineLength(line), lineLength(segment));
  return isThin ? Math.max(2 * stroke, FAINT * longer) : Math.max(0.5 * stroke, EMPTY * longer);
}

/** In how many columns between two pieces nothing stands where the line would run. */
function paperBetween(line, segment, { height, width, data }) {
  let empty = 0;
  for (let column = line.last + 1; column < segment.first; column++) {
    const share = (column - line.last) / (segment.first - line.last);
    const row = roundEven(line.end + share * (segment.start - line.end));
    const near = [-1, 0, 1].map((away) => data[Math.min(height - 1, Math.max(0, row + away)) * width + column]);
    if (!near.includes(1)) empty++;
  }
  return empty;
}

function joinedLine(line, segment) {
  const [own, more] = [line.covered * lineLength(line), lineLength(segment)];
  const last = Math.max(line.last, segment.last);
  return {
    first: line.first,
    last,
    start: line.start,
    end: segment.last >= line.last ? segment.end : line.end,
    thickness: (line.thickness * own + segment.thickness * more) / (own + more),
    segments: [...line.segments, ...segment.segments],
    covered: Math.min(1, (own + more) / (last - line.first + 1)),
  };
}
