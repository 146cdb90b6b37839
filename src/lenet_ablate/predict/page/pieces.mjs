/** The pieces that ink falls into, how large writing is, and what is left out, with the reason. */

import { deviation, makeGrid, median, select } from "./arrays.mjs";
import { boxHeight, boxWidth, boxesOf } from "./boxes.mjs";
import { label, maximumFilter } from "./ndimage.mjs";
import { strokePixels } from "./strokes.mjs";

const MIN_AREA = 2e-5; // of the picture: what is smaller is dust
const DUST = 0.1; // of the writing's size: no part of a digit
const DOT = 0.7; // of its strokes: a point of it, or writing much smaller
const MIN_INNER = 0.15; // of the picture's shorter side: where ink inside is larger, ink at the edge is cut off
const CUT = 2.5; // strokes, or 0.3 of its own size: as much of a digit may touch the edge; of what is cut off more does
const SHADOW = 3; // times the usual stroke: shadows at the edge are broader
const MAX_PIECES = 400; // the largest: a grid of digits of 20 pixels; more are a pattern of dots
const PALE = 0.1; // of the usual ink's strength
const NOISE = 4; // of the paper's standard deviation: what is pale is stronger
const LEAST_PALE = 0.4; // of the writing's size: pale pieces that one would miss
const MOST_PALE = 2.5;
const DARK = 0.5; // of the usual ink's strength: what the edge cuts off, where shadows lie there, is as strong
const INNER = 0.25; // of a piece's size: another one inside
const ROUND = 0.8; // of whose rows and columns has ink on both sides
const NEAR_INK = 7; // pixels, side of the square around ink in which its grey edge lies

/** Why ink is left out, in the words of the command. */
export const REASONS = {
  edge: "at the edge",
  small: "too small",
  broad: "too broad",
  pale: "too pale",
  many: "among too many",
  around: "around others",
};

/**
 * @typedef {object} Piece
 * @property {number} number Its label.
 * @property {Box} box
 * @property {number} size Its box's longer side.
 * @property {boolean} atEdge Whether it touches the picture's edge although other ink does not.
 *
 * @typedef {object} LeftOut
 * @property {Box} box
 * @property {string} reason One of REASONS.
 *
 * @typedef {object} Pieces
 * @property {Grid} labels int32.
 * @property {Piece[]} pieces Those that can be part of a digit, the largest boxes first.
 * @property {number} size The writing's usual size.
 * @property {LeftOut[]} leftOut
 */

/**
 * The pieces of ink; those that the picture's edge cuts off, that go around others, and pale ones, are left out.
 * @param {Ink} ink
 * @returns {Pieces}
 */
export function findPieces(ink) {
  const { labels, count } = label(ink.mask);
  const all = solidPieces(labels, count);
  const around = all.filter((piece) => all.some((other) => goesAround(labels, piece, other)));
  const found = all.filter((piece) => !around.includes(piece));
  const inner = found.filter((piece) => !touchesEdge(piece.box, labels));
  const shorter = Math.min(labels.height, labels.width);
  const isInside = Math.max(0, ...inner.map((piece) => piece.size)) >= MIN_INNER * shorter;
  const size = usualSize(isInside ? inner : found);
  const stroke = found.length ? strokePixels(ink.mask) : 0;
  const [kept, leftOut] = [[], around.map(({ box }) => ({ box, reason: REASONS.around }))];
  for (const piece of found) {
    if (!isInside || !touchesEdge(piece.box, labels)) kept.push(piece);
    else if (!isCutOff(labels, piece, stroke)) kept.push({ ...piece, atEdge: true });
    else if (piece.size >= DUST * size && strokePixels(pixelsOf(labels, piece)) <= SHADOW * stroke) {
      leftOut.push({ box: piece.box, reason: REASONS.edge });
    }
  }
  for (const { box, size: own } of kept) {
    if (DOT * stroke <= own && own < DUST * size) leftOut.push({ box, reason: REASONS.small });
  }
  const area = ({ box }) => boxHeight(box) * boxWidth(box);
  const pieces = kept.filter((piece) => piece.size >= DUST * size).sort((one, other) => area(other) - area(one));
  for (const { box } of pieces.slice(MAX_PIECES)) leftOut.push({ box, reason: REASONS.many });
  leftOut.push(...unreadPieces(ink, size, stroke));
  return { labels, pieces: pieces.slice(0, MAX_PIECES), size, leftOut };
}

/** The size that half of all ink's length belongs to pieces up to: neither dust nor one large blot moves it much. */
function usualSize(pieces) {
  const sizes = pieces.map((piece) => piece.size).sort((one, other) => one - other);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let length = 0;
  for (const size of sizes) {
    length += size;
    if (length >= total / 2) return size;
  }
  return 0;
}

/** The pieces that are no dust. */
function solidPieces(labels, count) {
  const { boxes, areas } = boxesOf(labels, count);
  const least = Math.max(2, MIN_AREA * labels.data.length);
  const found = [];
  for (let number = 1; number <= count; number++) {
    const box = boxes[number];
    const size = Math.max(boxHeight(box), boxWidth(box));
    if (areas[number] >= least) found.push({ number, box, size, atEdge: false });
  }
  return found;
}

function touchesEdge(box, { height, width }) {
  return box.top === 0 || box.left === 0 || box.bottom === height || box.right === width;
}

/** Whether a piece goes around another one, as a circle does around a digit. */
function goesAround(labels, piece, other) {
  const [outer, inner] = [piece.box, other.box];
  const isHigh = outer.top < inner.top && inner.bottom < outer.bottom;
  const isInside = isHigh && outer.left < inner.left && inner.right < outer.right;
  if (!isInside || other.size < INNER * piece.size) return false;
  const has = (x, y) => labels.data[y * labels.width + x] === piece.number;
  const isBeside = (low, high, test) => Array.from({ length: high - low }, (_, i) => low + i).some(test);
  const share = (low, high, test) => {
    let count = 0;
    for (let place = low; place < high; place++) count += test(place) ? 1 : 0;
    return count / (high - low);
  };
  const isSideways = (y) =>
    isBeside(outer.left, inner.left, (x) => has(x, y)) && isBeside(inner.right, outer.right, (x) => has(x, y));
  const isUpright = (x) =>
    isBeside(outer.top, inner.top, (y) => has(x, y)) && isBeside(inner.bottom, outer.bottom, (y) => has(x, y));
  return share(inner.top, inner.bottom, isSideways) >= ROUND && share(inner.left, inner.right, isUpright) >= ROUND;
}

/** Whether more of a piece touches the picture's edge than the end of a stroke. */
function isCutOff({ height, width, data }, { number, size }, stroke) {
  let contact = 0;
  for (let x = 0; x < width; x++) contact += (data[x] === number) + (data[(height - 1) * width + x] === number);
  for (let y = 0; y < height; y++) contact += (data[y * width] === number) + (data[(y + 1) * width - 1] === number);
  return contact > Math.max(CUT * stroke, 0.3 * size);
}

function pixelsOf(labels, { number, box }) {
  const [height, width] = [boxHeight(box), boxWidth(box)];
  const place = (i) => (box.top + Math.floor(i / width)) * labels.width + box.left + (i % width);
  const inside = Uint8Array.from({ length: height * width }, (_, i) => (labels.data[place(i)] === number ? 1 : 0));
  return makeGrid(height, width, inside);
}

/** What is no ink and looks written: paler than the rest, light where that is dark, or cut off where shadows lie. */
function unreadPieces({ strength, mask }, size, stroke) {
  if (!size) return [];
  const near = maximumFilter(mask, NEAR_INK);
  const paper = select(strength.data, near.data, 0);
  if (!paper.length) return [];
  const noise = NOISE * deviation(paper);
  const seen = (sign, least) => {
    const limit = Math.fround(Math.max(least, noise));
    const far = mask.data.map((_, i) => (!near.data[i] && sign * strength.data[i] > limit ? 1 : 0));
    const own = makeGrid(mask.height, mask.width, strength.data.map((value) => sign * value));
    return writtenPieces(own, makeGrid(mask.height, mask.width, far), size, stroke);
  };
  return [...seen(1, PALE), ...seen(-1, DARK)];
}

/** The pieces of a mask that are as large and as broad as what is written. */
function writtenPieces(strength, mask, size, stroke) {
  const { labels, count } = label(mask);
  const unread = [];
  for (const piece of solidPieces(labels, count)) {
    const isFlat = 2 * Math.min(boxHeight(piece.box), boxWidth(piece.box)) < stroke; // the grey edge of a ruled line
    if (piece.size < LEAST_PALE * size || piece.size > MOST_PALE * size || isFlat) continue;
    const breadth = strokePixels(pixelsOf(labels, piece));
    if (stroke / 3 > breadth || breadth > 2 * stroke) continue;
    const isAtEdge = touchesEdge(piece.box, labels);
    const own = () => strength.data.filter((_, i) => labels.data[i] === piece.number);
    if (!isAtEdge || median(own()) >= DARK) {
      unread.push({ box: piece.box, reason: isAtEdge ? REASONS.edge : REASONS.pale });
    }
  }
  return unread;
}
