/** From decoded pixels to the picture in which digits are looked for: grey, opaque, at working size. */

import { convert, makeGrid, mean, median, roundEven, select } from "./arrays.mjs";
import { BICUBIC, BOX, reduce, resize } from "./resize.mjs";

export const WORK_SIDE = 400;
const FINE_SIDE = 800;
const SMALL_SIDE = 112;
const ENLARGED_SIDE = 160;
const MIN_ALPHA = 0.98; // the rounding of an editor is not transparency
const COLOURED_DEVIATION = 25; // grey levels; ink of one colour varies less, a page with writing more

/**
 * @typedef {object} Picture
 * @property {Grid} grey (H, W) float32, luminance 0..255, the longer side at most WORK_SIDE.
 * @property {number} height Of the picture as it is seen, in pixels.
 * @property {number} width The same.
 * @property {number} longerSide The larger of both.
 * @property {Grid|null} finer The same as `grey` with a longer side of at most FINE_SIDE; null where there is no more.
 */

/**
 * By which factors a very large picture is shrunk before anything else, one after the other; JPEG is decoded at a half,
 * a quarter or an eighth by the command, so here the first factor is that.
 * @param {number} longerSide In pixels.
 * @param {boolean} isJpeg
 * @returns {number[]} Each at least 1.
 */
export function shrinkFactors(longerSide, isJpeg) {
  const times = Math.floor(longerSide / (2 * WORK_SIDE));
  const first = isJpeg ? ([8, 4, 2].find((factor) => times >= factor) ?? 1) : 1;
  return [first, Math.max(1, Math.floor(Math.ceil(longerSide / first) / (2 * WORK_SIDE)))];
}

/**
 * Luminance and opacity, each (H, W) uint8 0..255, shrunk by factors; a strip of whole blocks may stand for a picture.
 * @param {{height: number, width: number, data: Uint8ClampedArray}} pixels RGBA, not premultiplied.
 * @param {number[]} factors From `shrinkFactors`.
 * @returns {{grey: Grid, alpha: Grid}}
 */
export function simplify({ height, width, data }, factors) {
  const grey = new Uint8Array(height * width);
  const alpha = new Uint8Array(height * width);
  for (let i = 0, j = 0; i < grey.length; i++, j += 4) {
    // ITU-R BT.601, in whole multiples of 2^-16 as in Pillow.
    grey[i] = (data[j] * 19595 + data[j + 1] * 38470 + data[j + 2] * 7471 + 0x8000) >> 16;
    alpha[i] = data[j + 3];
  }
  const whole = { grey: makeGrid(height, width, grey), alpha: makeGrid(height, width, alpha) };
  return factors.reduce(shrunkBy, whole);
}

function shrunkBy({ grey, alpha }, factor) {
  if (factor < 2) return { grey, alpha };
  const faded = grey.data.map((value, i) => {
    const product = value * alpha.data[i] + 128;
    return ((product >> 8) + product) >> 8;
  });
  const small = { grey: reduce(makeGrid(grey.height, grey.width, faded), factor), alpha: reduce(alpha, factor) };
  small.grey.data.forEach((value, i, all) => {
    const opacity = small.alpha.data[i];
    if (opacity > 0 && opacity < 255) all[i] = Math.min(255, Math.floor((255 * value) / opacity));
  });
  return small;
}

/**
 * The picture that `simplify` gave, at working size.
 * @param {{grey: Grid, alpha: Grid}} simple
 * @param {number} height Of the picture as it is seen, in pixels.
 * @param {number} width
 * @returns {Picture}
 */
export function toWorkingSize(simple, height, width) {
  const light = opaque(simple);
  const longer = Math.max(light.height, light.width);
  const picture = { height, width, longerSide: Math.max(height, width), finer: null };
  if (longer > WORK_SIDE) {
    const finer = scaledTo(light, Math.min(1, FINE_SIDE / longer));
    return { ...picture, grey: scaledTo(light, WORK_SIDE / longer), finer };
  }
  const scale = longer < SMALL_SIDE ? Math.max(1, roundEven(ENLARGED_SIDE / longer)) : 1;
  return { ...picture, grey: scaledTo(light, scale) };
}

function scaledTo(grey, scale) {
  if (scale === 1) return grey;
  const [height, width] = [grey.height, grey.width].map((side) => Math.max(1, roundEven(side * scale)));
  const resized = resize(grey, height, width, scale < 1 ? BOX : BICUBIC);
  resized.data.forEach((value, i, all) => (all[i] = Math.min(255, Math.max(0, value))));
  return resized;
}

/**
 * Both steps for pixels that are at hand as a whole.
 * @param {{height: number, width: number, data: Uint8ClampedArray}} pixels RGBA, not premultiplied.
 * @returns {Picture}
 */
export function prepare(pixels) {
  const factors = shrinkFactors(Math.max(pixels.height, pixels.width), false);
  return toWorkingSize(simplify(pixels, factors), pixels.height, pixels.width);
}

/** The luminance 0..255 as float32, transparent ink laid on paper that it stands out from. */
function opaque({ grey, alpha }) {
  const light = Float32Array.from(grey.data);
  const opacity = convert(alpha.data, Float32Array, (value) => value / 255);
  if (opacity.every((value) => value >= Math.fround(MIN_ALPHA))) return makeGrid(grey.height, grey.width, light);
  const paper = paperBehind(light, opacity);
  const laid = light.map((value, i) => {
    const behind = Math.fround(paper * Math.fround(1 - opacity[i]));
    return Math.fround(Math.fround(value * opacity[i]) + behind);
  });
  return makeGrid(grey.height, grey.width, laid);
}

function paperBehind(light, opacity) {
  const total = opacity.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 255;
  const middle = light.reduce((sum, value, i) => sum + value * opacity[i], 0) / total;
  const variance = light.reduce((sum, value, i) => sum + opacity[i] * (value - middle) ** 2, 0) / total;
  const covered = convert(opacity, Uint8Array, (value) => (value > 0.5 ? 1 : 0));
  const isPage = Math.sqrt(variance) > COLOURED_DEVIATION && mean(covered) > 0.5; // with its corners cut off
  if (isPage) return median(select(light, covered));
  return middle < 128 ? 255 : 0;
}
