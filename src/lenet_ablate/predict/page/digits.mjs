/** The digits in a picture's ink, brought to the form in which the data set of a network has its own. */

import { convert, makeGrid, pad, roundEven } from "./arrays.mjs";
import { boxHeight, boxOf, boxWidth, boxesOf, gap, isAboveOrBelow, join } from "./boxes.mjs";
import { label, maximumFilter } from "./ndimage.mjs";
import { BILINEAR, BOX, resize } from "./resize.mjs";

const MIN_AREA = 2e-5; // of the picture: what is smaller is dust
const MIN_INNER_HEIGHT = 0.15; // of the largest: ink at the edge is no digit where there is such ink inside
const MIN_HEIGHT = 0.5; // of the largest: what is smaller is a piece of a digit, not another one
const MIN_BOX = 0.25;
const SLIM_HEIGHT = 0.7; // of the largest: a 1, whose box is small beside any other digit's
const SLIM_RATIO = 2.5; // height over width
const NEAR = 0.15; // of a digit's height: how far off its pieces may lie
const MAX_PIECES = 400; // the largest: a grid of digits of 20 pixels; more are a pattern of dots
const HALO = 5; // pixels around a digit in which its grey edge lies
const TOO_BROAD = 0.28; // stroke width of a digit's length: shadows and spots are broader, no digit is
const THIN = 1.5; // stroke widths in a box of 20 pixels; MNIST's median is 1.9
const USUAL = 1.9;
const MNIST_BOX = 20;

/**
 * @typedef {object} Digit
 * @property {Box} box Where it is, in the picture at working size.
 * @property {Grid} ink (height, width) float32, 0..1, the ink of the box's pieces alone.
 *
 * @typedef {object} Form How a data set has its digits.
 * @property {number} size Side of its images in pixels.
 * @property {number} box Longer side of the ink's box.
 * @property {boolean} by_mass Whether the centre of mass stands in the middle, else the box.
 */

/**
 * The digits from left to right; none where the ink has no pieces that could be one.
 * @param {Ink} ink
 * @returns {Digit[]}
 */
export function findDigits(ink) {
  const { labels, count } = label(ink.mask);
  const pieces = findPieces(labels, count);
  if (!pieces.size) return [];
  const leftmost = (group) => Math.min(...Array.from(group.values(), (box) => box.left));
  const groups = groupPieces(pieces).sort((one, other) => leftmost(one) - leftmost(other));
  return groups.map((group) => cut(ink, labels, group)).filter((digit) => strokeWidth(dark(digit.ink)) <= TOO_BROAD);
}

/** The box of each piece that is no dust, by its number; without those at the edge where large ones are inside. */
function findPieces(labels, count) {
  const { height, width, data } = labels;
  const { boxes, areas } = boxesOf(labels, count);
  const least = Math.max(2, MIN_AREA * data.length);
  const found = [...boxes.entries()].filter(([piece]) => piece && areas[piece] >= least);
  const inner = found.filter(([, box]) => box.top && box.left && box.bottom < height && box.right < width);
  const tallest = Math.max(0, ...inner.map(([, box]) => Math.max(boxHeight(box), boxWidth(box))));
  return new Map(tallest >= MIN_INNER_HEIGHT * Math.min(height, width) ? inner : found);
}

/** Digits as the pieces that make them up. */
function groupPieces(pieces) {
  const area = (box) => boxHeight(box) * boxWidth(box);
  const ordered = [...pieces].sort(([, one], [, other]) => area(other) - area(one)).slice(0, MAX_PIECES);
  const largest = ordered[0][1];
  const [groups, wholes] = [[], []];
  for (const [piece, box] of ordered) {
    const near = wholes.findIndex((whole) => gap(box, whole) <= NEAR * Math.max(boxHeight(whole), boxWidth(whole)));
    const isTall = boxHeight(box) >= MIN_HEIGHT * boxHeight(largest);
    const isSlim =
      boxHeight(box) >= SLIM_HEIGHT * boxHeight(largest) && boxHeight(box) >= SLIM_RATIO * boxWidth(box);
    const isBig = isTall && (isSlim || area(box) >= MIN_BOX * area(largest));
    if (near >= 0 && !(isBig && !isAboveOrBelow(box, wholes[near]))) {
      groups[near].set(piece, box);
      wholes[near] = join(wholes[near], box);
    } else if (isBig || !groups.length) {
      groups.push(new Map([[piece, box]]));
      wholes.push(box);
    }
  }
  return groups;
}

/** A digit's ink without that of others, with its grey edge as far as its box goes. */
function cut(ink, labels, pieces) {
  const box = [...pieces.values()].reduce(join);
  const [height, width] = [boxHeight(box), boxWidth(box)];
  const inside = makeGrid(height, width, new Uint8Array(height * width));
  const place = (i) => (box.top + Math.floor(i / width)) * labels.width + box.left + (i % width);
  for (let i = 0; i < inside.data.length; i++) inside.data[i] = pieces.has(labels.data[place(i)]) ? 1 : 0;
  const halo = maximumFilter(inside, 2 * HALO + 1);
  const strength = convert(halo.data, Float32Array, (near, i) =>
    near ? Math.min(1, Math.max(0, ink.strength.data[place(i)])) : 0,
  );
  const densest = strength.reduce((most, value) => Math.max(most, value), 0);
  return { box, ink: makeGrid(height, width, strength.map((value) => value / densest)) };
}

function dark({ height, width, data }) {
  return makeGrid(height, width, convert(data, Uint8Array, (value) => (value > 0.5 ? 1 : 0)));
}

/**
 * The digit as an image of the data set's form.
 * @param {Digit} digit
 * @param {Form} form
 * @returns {Grid} (size, size) uint8, 0 = background, 255 = ink.
 */
export function toForm(digit, form) {
  const ink = thicken(digit.ink);
  const scale = form.box / Math.max(ink.height, ink.width);
  const [height, width] = [ink.height, ink.width].map((side) => Math.max(1, roundEven(side * scale)));
  const levels = makeGrid(ink.height, ink.width, ink.data.map((value) => value * 255));
  const small = resize(levels, height, width, scale < 1 ? BOX : BILINEAR);
  small.data.forEach((value, i, all) => (all[i] = roundEven(Math.min(255, Math.max(0, value)))));
  const image = makeGrid(form.size, form.size, new Uint8Array(form.size * form.size));
  const [top, left] = offset(small, form);
  for (let y = 0; y < height; y++) {
    image.data.set(small.data.subarray(y * width, (y + 1) * width), (top + y) * form.size + left);
  }
  return image;
}

/** The row and column of the box's corner; the centre of mass comes to within half a pixel of the middle. */
function offset({ height, width, data }, form) {
  let [total, down, across] = [0, 0, 0];
  data.forEach((value, i) => {
    total += value;
    down += value * Math.floor(i / width);
    across += value * (i % width);
  });
  if (!form.by_mass || !total) return [Math.floor((form.size - height) / 2), Math.floor((form.size - width) / 2)];
  const middle = form.size / 2 + 0.5;
  const [top, left] = [Math.floor(middle - down / total), Math.floor(middle - across / total)];
  return [Math.min(Math.max(0, top), form.size - height), Math.min(Math.max(0, left), form.size - width)];
}

/**
 * Twice the area over the perimeter, as a fraction of the longer side of the ink's box; of MNIST's digits 0.06 to 0.2.
 * @param {Grid} mask (H, W) uint8, with at least one pixel of ink.
 */
function strokeWidth(mask) {
  const { height, width } = mask;
  const padded = pad(mask, 1);
  const paper = makeGrid(height + 2, width + 2, padded.data.map((value) => 1 - value));
  const nearPaper = maximumFilter(paper, 3);
  let [area, perimeter] = [0, 0];
  for (let i = 0; i < padded.data.length; i++) {
    area += padded.data[i];
    perimeter += padded.data[i] * nearPaper.data[i];
  }
  const box = boxOf(mask);
  return (2 * area) / perimeter / Math.max(boxHeight(box), boxWidth(box));
}

/** Thin strokes brought to MNIST's usual width, so that reducing does not bleach them. */
function thicken(ink) {
  const unit = Math.max(ink.height, ink.width) / MNIST_BOX; // pixels here for one pixel there
  const width = strokeWidth(dark(ink)) * MNIST_BOX;
  if (width >= THIN) return ink;
  const field = roundEven((USUAL - width) * unit) | 1;
  return maximumFilter(pad(ink, field >> 1), field);
}
