/** What is ink and what is paper: dark on light or light on dark, under uneven light, or nothing written at all. */

import { convert, deviation, makeGrid, mean, median, pad, roundEven, rounding, select } from "./arrays.mjs";
import { boxHeight, boxOf, boxWidth, boxesOf } from "./boxes.mjs";
import { WORK_SIDE } from "./load.mjs";
import { label, maximumFilter, medianFilter, nearest, zoom } from "./ndimage.mjs";

const RING = 0.04; // of the side: the border, where there is hardly ever ink
const RING_WEIGHT = 2;
const MIN_CONTRAST = 10; // grey levels of 255
const UNEVEN_SPREAD = 0.14; // the paper's standard deviation over the contrast
const NOISY_SPREAD = 0.25; // noise alone has 0.3 to 0.4
const FILLED = 0.5; // of the picture: a 1 that is closely cut out fills it, and all paper is edges of ink
const FILLED_SPREAD = 0.31;
const BACKGROUND_FIELD = 0.3;
const BACKGROUND_STEP = 8;
const DARKEST = 12; // added to grey levels before the logarithm, so that the noise of dark pixels does not count
const AT_BORDER = 0.05; // share of the border from which ink is suspected to be a shadow
const THICK = 0.45; // from which ink at the border is a shadow
const LINE_LENGTH = 0.5; // of the picture's shorter side: ruled lines
const LINE_BREADTH = 0.025; // the same, as broad as they are at the border
const BINS = 256;

/**
 * @typedef {object} Ink
 * @property {Grid} strength (H, W) float32, 0 = paper, 1 = the ink's usual density.
 * @property {Grid} mask (H, W) uint8, 1 where there is more ink than paper.
 */

/**
 * The ink of a picture, or null where nothing stands out from the paper.
 * @param {Picture} picture
 * @returns {Ink|null}
 */
export function findInk(picture) {
  const { ink: even, spread } = fromEven(picture.grey);
  if (!even) return null;
  const isLarge = picture.longerSide > WORK_SIDE;
  if (isLarge && (spread > UNEVEN_SPREAD || isShadowed(even.mask))) {
    const uneven = fromUneven(picture.grey);
    const isFreed = uneven !== null && 2 * borderShare(uneven.mask) < borderShare(even.mask);
    if (spread > UNEVEN_SPREAD || isFreed) return uneven;
    if (thickness(even.mask) > THICK) return null;
  }
  return spread <= (mean(even.mask.data) > FILLED ? FILLED_SPREAD : NOISY_SPREAD) ? even : null;
}

/** The ink on evenly lit paper, and the paper's standard deviation over the contrast. */
function fromEven(grey) {
  const isLight = above(grey, otsu(grey.data));
  const share = mean(isLight.data);
  if (share === 0 || share === 1) return { ink: null, spread: 0 };
  const mask = isPaper(isLight) ? negated(isLight) : isLight;
  const paper = select(grey.data, mask.data, 0);
  const difference = mean(select(grey.data, mask.data)) - mean(paper);
  if (Math.abs(difference) < MIN_CONTRAST) return { ink: null, spread: 0 };
  const [middle, sign] = [median(paper), Math.sign(difference)];
  const levels = convert(grey.data, Float32Array, (value) => (value - middle) * sign);
  const signal = makeGrid(grey.height, grey.width, levels);
  return { ink: scaled(signal, mask), spread: deviation(paper) / Math.abs(difference) };
}

function fromUneven(grey) {
  const { height, width } = grey;
  const light = makeGrid(height, width, convert(grey.data, Float64Array, (value) => Math.log(value + DARKEST)));
  let signal = subtract(light, background(light, null));
  const sign = Math.sign(signal.data.reduce((sum, value) => sum + value ** 3, 0)); // the few far from paper are ink
  const rough = dense(makeGrid(height, width, signal.data.map((value) => sign * value)));
  if (!rough.data.includes(1)) return null;
  signal = subtract(light, background(light, maximumFilter(rough, 5)));
  signal.data.forEach((value, i, all) => (all[i] = sign * value));
  const mask = withoutBorder(dense(signal));
  if (!mask.data.includes(1)) return null;
  const paper = select(signal.data, mask.data, 0);
  const contrast = mean(select(signal.data, mask.data)) - mean(paper);
  if (contrast < MIN_CONTRAST / 255 || deviation(paper) / contrast > NOISY_SPREAD) return null;
  return scaled(signal, mask);
}

function subtract(one, other) {
  return makeGrid(one.height, one.width, convert(one.data, Float64Array, (value, i) => value - other.data[i]));
}

function dense(signal) {
  const positive = signal.data.filter((value) => value > 0);
  return above(signal, positive.length ? otsu(positive) : 0);
}

/** Whether more ink lies at the picture's border than is written there, ruled lines apart. */
function isShadowed(mask) {
  if (borderShare(mask) <= AT_BORDER) return false;
  const inner = withoutBorder(mask);
  const stray = mask.data.map((value, i) => (value && !inner.data[i] ? 1 : 0));
  return borderShare(makeGrid(mask.height, mask.width, stray)) > AT_BORDER;
}

/** The ink without what light and shadow leave at the picture's border; ruled lines end there too. */
function withoutBorder(mask) {
  const { height, width } = mask;
  const { labels, count } = label(mask);
  const touching = new Set();
  for (let y = 0; y < height; y++) {
    const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1);
    for (let x = 0; x < width; x += step) touching.add(labels.data[y * width + x]);
  }
  const { boxes } = boxesOf(labels, count);
  const gone = new Set([...touching].filter((piece) => piece && !isRuled(labels, piece, boxes[piece])));
  const inner = convert(labels.data, Uint8Array, (piece) => (piece && !gone.has(piece) ? 1 : 0));
  return makeGrid(height, width, inner);
}

/** Whether a piece at the border is long, thin there and leads away from it, with whatever is written across it. */
function isRuled(labels, piece, box) {
  const { height, width } = labels;
  const shorter = Math.min(height, width);
  const border = Math.max(1, roundEven(RING * shorter));
  const isAway = box.bottom > border && box.top < height - border && box.right > border && box.left < width - border;
  if (!isAway || Math.max(boxHeight(box), boxWidth(box)) < LINE_LENGTH * shorter) return false;
  const isAt = (place, side) => place < 2 * border || place >= side - 2 * border;
  const own = convert(labels.data, Uint8Array, (value, i) => {
    return value === piece && (isAt(i % width, width) || isAt(Math.floor(i / width), height)) ? 1 : 0;
  });
  return broadest(makeGrid(height, width, own)) <= LINE_BREADTH * shorter;
}

function scaled(signal, mask) {
  const usual = median(select(signal.data, mask.data));
  const strength = convert(signal.data, Float32Array, (value) => value / usual);
  return { strength: makeGrid(signal.height, signal.width, strength), mask };
}

/** The paper's local brightness: a median over a field that no stroke fills, at a fraction of the size. */
function background(light, ink) {
  const small = blocks(light);
  if (ink) {
    const shares = blocks(ink);
    const hidden = above(shares, 0.25);
    if (hidden.data.includes(0)) small.data = convert(nearest(hidden), Float64Array, (place) => small.data[place]);
  }
  const field = roundEven(BACKGROUND_FIELD * Math.max(small.height, small.width)) | 1;
  return zoom(medianFilter(small, field), light.height, light.width);
}

/** Means over blocks of BACKGROUND_STEP pixels; the last rows and columns may be left out. */
function blocks({ height, width, data }) {
  const step = Math.min(BACKGROUND_STEP, height, width);
  const [rows, columns] = [Math.floor(height / step), Math.floor(width / step)];
  const means = new Float64Array(rows * columns);
  for (let y = 0; y < rows * step; y++) {
    const start = Math.floor(y / step) * columns;
    for (let x = 0; x < columns * step; x++) means[start + Math.floor(x / step)] += data[y * width + x] / step ** 2;
  }
  return makeGrid(rows, columns, means);
}

/** Where values are above a threshold, which is rounded as they are. */
export function above({ height, width, data }, threshold) {
  const limit = rounding(data)(threshold);
  return makeGrid(height, width, convert(data, Uint8Array, (value) => (value > limit ? 1 : 0)));
}

/** Ones for zeros. */
export function negated({ height, width, data }) {
  return makeGrid(height, width, convert(data, Uint8Array, (value) => 1 - value));
}

/** Whether a region, rather than the rest, is the paper: it has most of the border and of the area. */
function isPaper(region) {
  return RING_WEIGHT * borderShare(region) + mean(region.data) > (RING_WEIGHT + 1) / 2;
}

/** Fraction of the picture's border that belongs to a region. */
function borderShare({ height, width, data }) {
  const border = Math.max(1, roundEven(RING * Math.min(height, width)));
  let [inRegion, all] = [0, 0];
  for (let y = 0; y < height; y++) {
    const isEnd = y < border || y >= height - border;
    for (let x = 0; x < width; x++) {
      if (!isEnd && x >= border && x < width - border) continue;
      inRegion += data[y * width + x];
      all++;
    }
  }
  return inRegion / all;
}

/** Diameter of the largest disc in the ink over the longer side of the ink's box. */
function thickness(mask) {
  const box = boxOf(mask);
  return broadest(mask) / Math.max(boxHeight(box), boxWidth(box));
}

/** Diameter in pixels of the largest disc in a mask. */
function broadest(mask) {
  const padded = pad(mask, 1);
  const wide = padded.width;
  const places = nearest(padded);
  let most = 0;
  for (let i = 0; i < places.length; i++) {
    const [down, across] = [Math.floor(places[i] / wide) - Math.floor(i / wide), (places[i] % wide) - (i % wide)];
    most = Math.max(most, down * down + across * across);
  }
  return 2 * Math.sqrt(most);
}

/**
 * The threshold that parts values into two classes with the largest variance between them.
 *
 * N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979) 62-66, eq. 18.
 * @param {Float32Array|Float64Array} values At least one; all equal gives that value.
 * @returns {number}
 */
export function otsu(values) {
  const { counts, edges } = histogram(values);
  if (edges[0] === edges[BINS]) return edges[0];
  const round = rounding(values);
  const weighted = Array.from(counts, (count, i) => count * round(round(edges[i] + edges[i + 1]) / 2));
  const total = weighted.reduce((sum, value) => sum + value, 0);
  let [below, sum, best, most] = [0, 0, 0, -1];
  for (let i = 0; i < BINS - 1; i++) {
    below += counts[i];
    sum += weighted[i];
    const over = values.length - below;
    const between = below * over * (sum / below - (total - sum) / over) ** 2;
    if (between > most) [most, best] = [between, i];
  }
  return edges[best + 1];
}

/** Equal bins from the smallest to the largest value, rounded as the values are. */
function histogram(values) {
  const round = rounding(values);
  let [low, high] = [values[0], values[0]];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = round(high - low);
  const edges = Array.from({ length: BINS }, (_, i) => round(round(i * (range / BINS)) + low)).concat(high);
  const counts = new Float64Array(BINS);
  if (range === 0) return { counts, edges };
  for (const value of values) {
    let bin = Math.min(BINS - 1, Math.floor(round(round(value - low) / range) * BINS));
    if (value < edges[bin]) bin--;
    else if (bin < BINS - 1 && value >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  return { counts, edges };
}
