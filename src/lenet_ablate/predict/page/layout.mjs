/** What stands where in a picture: signs in rows, ruled lines apart from them, and ink that is left out. */

import { bestOf, withLoners } from "./choice.mjs";
import { findDigits } from "./digits.mjs";
import { findInk } from "./ink.mjs";
import { inRows } from "./rows.mjs";
import { withoutLines } from "./ruling.mjs";
import { onPaper } from "./sheet.mjs";

const SMALL_WRITING = 26; // pixels: writing that is looked at again where the picture has more of them

/**
 * @typedef {object} Layout
 * @property {Picture} picture Where it was found; boxes are in pixels of its `grey`.
 * @property {Digit[][]} rows Signs that may be digits, from top to bottom and from left to right.
 * @property {LeftOut[]} leftOut
 * @property {number} size The writing's usual size.
 */

/**
 * The signs of a picture in the order in which they are read; small writing is looked for with more pixels.
 * @param {Picture} picture
 * @param {((ink: Grid) => number)|null} judge The logarithm of how likely ink is one digit; null where none can tell.
 * @returns {Layout}
 */
export function findLayout(picture, judge) {
  const found = layoutOf(onPaper(picture), judge);
  if (!picture.finer || found.size === 0 || found.size >= SMALL_WRITING) return found;
  return layoutOf(onPaper({ ...picture, grey: picture.finer, finer: null }), judge);
}

function layoutOf(picture, judge) {
  const ink = findInk(picture);
  if (!ink) return { picture, rows: [], leftOut: [], size: 0 };
  const ways = withoutLines(ink);
  const found = judge ? bestOf(ways.map((way) => signsOf(way, judge)), judge) : findDigits(ways[0]);
  const { digits, leftOut, size } = found;
  const rows = inRows(
    digits.map((digit) => digit.box),
    size,
    new Set(digits.flatMap((digit, number) => (digit.isBar ? [number] : []))),
  );
  return { picture, rows: rows.map((row) => row.map((number) => digits[number])), leftOut, size };
}

function signsOf(ink, judge) {
  return withLoners(findDigits(ink), findDigits(ink, -1), judge);
}
