/** The form in which the data set of a network has its digits. */

import { convert, makeGrid, pad, roundEven } from "./arrays.mjs";
import { maximumFilter } from "./ndimage.mjs";
import { BILINEAR, BOX, resize } from "./resize.mjs";
import { strokeWidth } from "./strokes.mjs";

const THIN = 1.5; // stroke widths in a box of 20 pixels; MNIST's median is 1.9
const USUAL = 1.9;
const MNIST_BOX = 20;

/**
 * @typedef {object} Form How a data set has its digits.
 * @property {number} size Side of its images in pixels.
 * @property {number} box Longer side of the ink's box.
 * @property {boolean} by_mass Whether the centre of mass stands in the middle, else the box.
 */

/**
 * @param {Grid} grey float32, 0..1.
 * @returns {Grid} uint8, where there is more ink than paper.
 */
export function dark({ height, width, data }) {
  return makeGrid(height, width, convert(data, Uint8Array, (value) => (value > 0.5 ? 1 : 0)));
}

/**
 * A digit's ink as an image of the data set's form.
 * @param {Grid} given float32, 0..1.
 * @param {Form} form
 * @returns {Grid} (size, size) uint8, 0 = background, 255 = ink.
 */
export function toForm(given, form) {
  const ink = thicken(given);
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

/** Thin strokes brought to MNIST's usual width, so that reducing does not bleach them. */
function thicken(ink) {
  const unit = Math.max(ink.height, ink.width) / MNIST_BOX; // pixels here for one pixel there
  const width = strokeWidth(dark(ink)) * MNIST_BOX;
  if (width >= THIN) return ink;
  const field = roundEven((USUAL - width) * unit) | 1;
  return maximumFilter(pad(ink, field >> 1), field);
}
