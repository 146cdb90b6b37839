/**
 * Arrays of two axes, and the few statistics of them that decide something; the results are those of NumPy.
 *
 * @typedef {Float32Array|Float64Array|Uint8Array|Uint8ClampedArray|Int32Array} Values
 *
 * @typedef {object} Grid An array (H, W), row by row.
 * @property {number} height H.
 * @property {number} width W.
 * @property {Values} data H·W values.
 */

/**
 * @param {number} height
 * @param {number} width
 * @param {Values} data
 * @returns {Grid}
 */
export function makeGrid(height, width, data) {
  return { height, width, data };
}

/**
 * The same with a border of zeros.
 * @param {Grid} grid
 * @param {number} border Its width, at least 0.
 * @returns {Grid} Of the same type.
 */
export function pad({ height, width, data }, border) {
  const wide = width + 2 * border;
  const padded = new data.constructor((height + 2 * border) * wide);
  for (let y = 0; y < height; y++) {
    padded.set(data.subarray(y * width, (y + 1) * width), (y + border) * wide + border);
  }
  return makeGrid(height + 2 * border, wide, padded);
}

/**
 * Another array with a value for each value; a loop, because `from` takes ten times as long.
 * @param {Values} values
 * @param {Function} Type Float32Array, Uint8Array, …
 * @param {(value: number, place: number) => number} change
 * @returns {Values} Of that type.
 */
export function convert(values, Type, change) {
  const changed = new Type(values.length);
  for (let i = 0; i < values.length; i++) changed[i] = change(values[i], i);
  return changed;
}

/**
 * The nearest whole number; halves go to the even one, as in Python's `round` and NumPy's `rint`.
 * @param {number} value
 * @returns {number}
 */
export function roundEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * The values where a mask is set, or where it is not.
 * @param {Values} values
 * @param {Uint8Array} mask 0 or 1, as many as there are values.
 * @param {number} wanted 1 or 0.
 * @returns {Values} Of the same type.
 */
export function select(values, mask, wanted = 1) {
  const kept = new values.constructor(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) if (mask[i] === wanted) kept[count++] = values[i];
  return kept.subarray(0, count);
}

/**
 * @param {Values} values At least one.
 * @returns {number}
 */
export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * The standard deviation with divisor N.
 * @param {Values} values At least one.
 * @returns {number}
 */
export function deviation(values) {
  const middle = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - middle) ** 2;
  return Math.sqrt(sum / values.length);
}

/**
 * The median; of an even number of values the mean of the two in the middle, rounded as the values are.
 * @param {Float32Array|Float64Array} values At least one; left as they are.
 * @returns {number}
 */
export function median(values) {
  const round = rounding(values);
  const copy = values.slice();
  const rank = copy.length >> 1;
  const upper = smallest(copy, rank);
  if (copy.length % 2) return upper;
  let lower = copy[0];
  for (let i = 1; i < rank; i++) if (copy[i] > lower) lower = copy[i];
  return round(round(lower + upper) / 2);
}

/**
 * The value of a rank (C. A. R. Hoare, "Algorithm 65: find", CACM 4 (1961) 321-322).
 * @param {Float32Array|Float64Array} values Put in another order: none before the rank is larger than it.
 * @param {number} rank 0 for the smallest.
 * @returns {number}
 */
export function smallest(values, rank) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const value = values[i];
      values[i++] = values[j];
      values[j--] = value;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank];
}

/**
 * What a calculation with such values is rounded to: single or double precision.
 * @param {Values} values
 * @returns {(value: number) => number}
 */
export function rounding(values) {
  return values instanceof Float32Array ? Math.fround : (value) => value;
}
