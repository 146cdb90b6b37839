/** The digits in a picture's ink: pieces put together to what is one sign, each cut out without its neighbours. */

import { convert, makeGrid } from "./arrays.mjs";
import { boxHeight, boxWidth, gap, isAboveOrBelow, join } from "./boxes.mjs";
import { combBars } from "./comb.mjs";
import { dark } from "./form.mjs";
import { maximumFilter } from "./ndimage.mjs";
import { REASONS, findPieces } from "./pieces.mjs";
import { strokeWidth } from "./strokes.mjs";

const MIN_HEIGHT = 0.5; // of the writing's size: what is smaller is part of a sign near it
const MIN_BOX = 0.175; // of its square
const SLIM_HEIGHT = 0.7; // of the writing's size: a 1, whose box is small
const SLIM_RATIO = 2.5; // height over width
const APART = 0.3; // of the writing's size: a sign of its own where nothing is near
const NEAR = 0.15; // of a sign's size: how far off its pieces may lie
const TOWER = 1.35; // times the writing's size: higher are two signs, one above the other
const WIDEST = 1.5; // width over height of a digit: no other is sure
const MIN_SURE = 0.5; // of the writing's size
const HALO = 5; // pixels around a sign in which its grey edge lies
const TOO_BROAD = 0.28; // stroke width of a digit's length: shadows and spots are broader, no digit is

/**
 * @typedef {object} Digit One sign as found in a picture.
 * @property {Box} box Where it is, in the picture at working size.
 * @property {Grid} ink (height, width) float32, 0..1, the ink of the box's pieces alone.
 * @property {boolean} isDoubtful Whether it is never sure, however it reads.
 * @property {boolean} isBar Whether it is one of the equal bars of a form, and no 1.
 */

/**
 * What may be digits, in no order, and ink that belongs to none of them.
 * @param {Ink} ink Without ruled lines.
 * @param {number} near Of a sign's size: how far off its pieces may lie; below 0 every piece is a sign of its own.
 * @returns {{digits: Digit[], leftOut: LeftOut[], size: number}}
 */
export function findDigits(ink, near = NEAR) {
  const pieces = findPieces(ink);
  const { groups, single } = groupPieces(pieces, near);
  const leftOut = pieces.leftOut.concat(single.map(({ box }) => ({ box, reason: REASONS.small })));
  const digits = [];
  for (const group of groups) {
    const digit = cut(ink, pieces, group);
    if (strokeWidth(dark(digit.ink)) <= TOO_BROAD) digits.push(digit);
    else if (!group.some((piece) => piece.atEdge)) leftOut.push({ box: digit.box, reason: REASONS.broad });
  }
  const bars = combBars(digits.map((digit) => digit.box));
  return { digits: digits.map((digit, i) => ({ ...digit, isBar: bars.has(i) })), leftOut, size: pieces.size };
}

/** Signs as the pieces that make them up, and pieces too small to be one. */
function groupPieces({ pieces, size }, near) {
  const numBig = pieces.filter((piece) => isBig(piece.box, size)).length;
  const [groups, wholes, single] = [[], [], []];
  for (const piece of pieces) {
    let [home, nearest] = [-1, Infinity];
    wholes.forEach((whole, k) => {
      const away = gap(piece.box, whole);
      if (away <= near * Math.max(boxHeight(whole), boxWidth(whole)) && away < nearest) [home, nearest] = [k, away];
    });
    if (home >= 0 && isBig(piece.box, size) && isApart(piece.box, wholes[home], size, numBig)) home = -1;
    if (home >= 0) {
      groups[home].push(piece);
      wholes[home] = join(wholes[home], piece.box);
    } else if (piece.size >= APART * size || !groups.length) {
      groups.push([piece]);
      wholes.push(piece.box);
    } else single.push(piece);
  }
  return { groups, single };
}

function isBig(box, size) {
  const isSlim = boxHeight(box) >= SLIM_HEIGHT * size && boxHeight(box) >= SLIM_RATIO * boxWidth(box);
  return boxHeight(box) >= MIN_HEIGHT * size && (isSlim || boxHeight(box) * boxWidth(box) >= MIN_BOX * size ** 2);
}

/** Whether two large pieces that are near each other are two signs: side by side, or too high together. */
function isApart(box, other, size, numBig) {
  return !isAboveOrBelow(box, other) || (numBig > 2 && boxHeight(join(box, other)) > TOWER * size);
}

/** A sign's ink without that of others, with its grey edge as far as its box goes. */
function cut(ink, { labels, size }, group) {
  const box = group.map((piece) => piece.box).reduce(join);
  const [height, width] = [boxHeight(box), boxWidth(box)];
  const place = (i) => (box.top + Math.floor(i / width)) * labels.width + box.left + (i % width);
  const numbers = new Set(group.map((piece) => piece.number));
  const inside = makeGrid(height, width, new Uint8Array(height * width));
  for (let i = 0; i < inside.data.length; i++) inside.data[i] = numbers.has(labels.data[place(i)]) ? 1 : 0;
  const halo = maximumFilter(inside, 2 * HALO + 1);
  const strength = convert(halo.data, Float32Array, (near, i) => {
    const isOwn = near && (inside.data[i] || !labels.data[place(i)]);
    return isOwn ? Math.min(1, Math.max(0, ink.strength.data[place(i)])) : 0;
  });
  const densest = strength.reduce((most, value) => Math.max(most, value), 0);
  const isOdd = width > WIDEST * height || Math.max(height, width) < MIN_SURE * size;
  const isDoubtful = isOdd || group.some((piece) => piece.atEdge);
  return { box, ink: makeGrid(height, width, strength.map((value) => value / densest)), isDoubtful, isBar: false };
}
