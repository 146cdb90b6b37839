/** Other sizes of grey pictures, computed as Pillow does: its kernels, widened where the picture becomes smaller. */

import { makeGrid } from "./arrays.mjs";

/**
 * @typedef {object} Kernel
 * @property {number} support How far it reaches, in pixels of the larger picture's grid.
 * @property {(distance: number) => number} weight
 */

/** @type {Kernel} Every pixel under the new one counts alike. */
export const BOX = { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

/** @type {Kernel} */
export const BILINEAR = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };

/** @type {Kernel} R. Keys, "Cubic convolution interpolation", IEEE Trans. ASSP 29 (1981) 1153-1160, with a = -1/2. */
export const BICUBIC = {
  support: 2,
  weight: (x) => {
    const far = Math.abs(x);
    if (far < 1) return (1.5 * far - 2.5) * far * far + 1;
    return far < 2 ? (((far - 5) * far + 8) * far - 4) * -0.5 : 0;
  },
};

/**
 * @param {Grid} grid (H, W) float32.
 * @param {number} height At least 1.
 * @param {number} width At least 1.
 * @param {Kernel} kernel
 * @returns {Grid} (height, width) float32; not clipped.
 */
export function resize(grid, height, width, kernel) {
  const wide = width === grid.width ? grid : across(grid, width, kernel);
  return height === wide.height ? wide : down(wide, height, kernel);
}

function across({ height, width, data }, newWidth, kernel) {
  const resized = new Float32Array(height * newWidth);
  windows(width, newWidth, kernel).forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += data[y * width + first + i] * weights[i];
      resized[y * newWidth + x] = sum;
    }
  });
  return makeGrid(height, newWidth, resized);
}

function down({ height, width, data }, newHeight, kernel) {
  const resized = new Float32Array(newHeight * width);
  windows(height, newHeight, kernel).forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += data[(first + i) * width + x] * weights[i];
      resized[y * width + x] = sum;
    }
  });
  return makeGrid(newHeight, width, resized);
}

/** For each new pixel the first old one that counts, and the weights, which sum to 1. */
function windows(oldLength, newLength, kernel) {
  const scale = oldLength / newLength;
  const widened = Math.max(1, scale);
  const support = kernel.support * widened;
  return Array.from({ length: newLength }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(oldLength, Math.trunc(centre + support + 0.5));
    const weigh = (_, i) => kernel.weight((i + first - centre + 0.5) * (1 / widened));
    const raw = Array.from({ length: end - first }, weigh);
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: total === 0 ? raw : raw.map((weight) => weight / total) };
  });
}

/**
 * Means over blocks of factor×factor bytes, rounded as Pillow's `Image.reduce` does; blocks at the end may be smaller.
 * @param {Grid} grid uint8.
 * @param {number} factor At least 1.
 * @returns {Grid} uint8.
 */
export function reduce({ height, width, data }, factor) {
  const [newHeight, newWidth] = [Math.ceil(height / factor), Math.ceil(width / factor)];
  const reduced = new Uint8Array(newHeight * newWidth);
  for (let y = 0; y < newHeight; y++) {
    const [top, bottom] = [y * factor, Math.min(height, (y + 1) * factor)];
    for (let x = 0; x < newWidth; x++) {
      const [left, right] = [x * factor, Math.min(width, (x + 1) * factor)];
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let i = row * width + left; i < row * width + right; i++) sum += data[i];
      }
      const count = (bottom - top) * (right - left);
      reduced[y * newWidth + x] = Math.floor(((sum + (count >> 1)) * fixedInverse(count)) / 2 ** 24);
    }
  }
  return makeGrid(newHeight, newWidth, reduced);
}

/** 2^24 / count in single precision: Pillow multiplies by it instead of dividing. */
function fixedInverse(count) {
  return Math.floor(Math.fround(2 ** 24 / count));
}
