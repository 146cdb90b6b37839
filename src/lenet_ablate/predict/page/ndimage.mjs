/** Neighbourhoods, connected pieces and distances in arrays of two axes; the results are those of scipy.ndimage. */

import { makeGrid, smallest } from "./arrays.mjs";

/**
 * Connected pieces; pixels that touch at a corner are connected.
 * @param {Grid} mask uint8, 0 or 1.
 * @returns {{labels: Grid, count: number}} int32, 0 = none, pieces from 1 in the order of their first pixels.
 */
export function label(mask) {
  const { height, width, data } = mask;
  const labels = new Int32Array(data.length);
  const stack = new Int32Array(data.length);
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    labels[start] = ++count;
    let left = 1;
    stack[0] = start;
    while (left) {
      const place = stack[--left];
      const x = place % width;
      const y = (place - x) / width;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (!data[next] || labels[next]) continue;
          labels[next] = count;
          stack[left++] = next;
        }
      }
    }
  }
  return { labels: makeGrid(height, width, labels), count };
}

/**
 * A mask without holes, which are paper that no path leads out of, straight or across corners.
 * @param {Grid} mask uint8, 0 or 1.
 */
export function fillHoles({ height, width, data }) {
  const { labels } = label(makeGrid(height, width, Uint8Array.from(data, (value) => 1 - value)));
  const beside = new Set();
  for (let x = 0; x < width; x++) beside.add(labels.data[x]).add(labels.data[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) beside.add(labels.data[y * width]).add(labels.data[(y + 1) * width - 1]);
  return makeGrid(height, width, Uint8Array.from(labels.data, (piece) => (piece && beside.has(piece) ? 0 : 1)));
}

/**
 * The largest value in a square around each pixel; outside there are zeros.
 * @param {Grid} grid Values of at least 0.
 * @param {number} size Side of the square, odd.
 * @returns {Grid} Of the same type.
 */
export function maximumFilter(grid, size) {
  return maximumAlong(maximumAlong(grid, size, 1), size, grid.width);
}

function maximumAlong({ height, width, data }, size, stride) {
  const largest = data.slice();
  const reach = size >> 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [place, length] = stride === 1 ? [x, width] : [y, height];
      const i = y * width + x;
      const last = i + Math.min(reach, length - 1 - place) * stride;
      for (let j = i - Math.min(reach, place) * stride; j <= last; j += stride) {
        if (data[j] > largest[i]) largest[i] = data[j];
      }
    }
  }
  return makeGrid(height, width, largest);
}

/**
 * The median of a square around each pixel; outside, the border's values go on.
 * @param {Grid} grid
 * @param {number} size Side of the square, odd.
 * @returns {Grid} float64.
 */
export function medianFilter({ height, width, data }, size) {
  const medians = new Float64Array(data.length);
  const field = new Float64Array(size * size);
  const reach = size >> 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let count = 0;
      for (let row = y - reach; row <= y + reach; row++) {
        const start = clamp(row, height) * width;
        for (let column = x - reach; column <= x + reach; column++) field[count++] = data[start + clamp(column, width)];
      }
      medians[y * width + x] = smallest(field, count >> 1);
    }
  }
  return makeGrid(height, width, medians);
}

function clamp(place, length) {
  return Math.min(Math.max(0, place), length - 1);
}

/**
 * The nearest pixel that is not hidden, of each pixel; of equally near ones the leftmost, then the upper one.
 * @param {Grid} hidden uint8, 0 or 1; at least one pixel is 0.
 * @returns {Int32Array} Places in the array.
 */
export function nearest(hidden) {
  const { height, width, data } = hidden;
  const rows = nearestRows(hidden);
  const found = new Int32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let best = Infinity;
      let from = -1;
      for (let away = 0; away * away <= best && away < width; away++) {
        for (let side = -1; side <= 1; side += 2) {
          const column = x + side * away;
          const row = column >= 0 && column < width ? rows[y * width + column] : -1;
          const distance = row < 0 ? Infinity : (row - y) ** 2 + away * away;
          if (distance > best || (distance === best && column >= from)) continue;
          best = distance;
          from = column;
        }
      }
      found[y * width + x] = rows[y * width + from] * width + from;
    }
  }
  return found;
}

/** The row of the nearest pixel of the same column that is not hidden, -1 where there is none. */
function nearestRows({ height, width, data }) {
  const rows = new Int32Array(data.length).fill(-1);
  for (let x = 0; x < width; x++) {
    let above = -1;
    for (let y = 0; y < height; y++) {
      if (!data[y * width + x]) above = y;
      rows[y * width + x] = above;
    }
    let below = -1;
    for (let y = height - 1; y >= 0; y--) {
      const place = y * width + x;
      if (!data[place]) below = y;
      if (below >= 0 && (rows[place] < 0 || below - y < y - rows[place])) rows[place] = below;
    }
  }
  return rows;
}

/**
 * Another size by linear interpolation between the pixels' centres; outside, the border's values go on.
 * @param {Grid} grid
 * @param {number} height
 * @param {number} width
 * @returns {Grid} (height, width) float64.
 */
export function zoom(grid, height, width) {
  const zoomed = new Float64Array(height * width);
  const rows = between(grid.height, height);
  const columns = between(grid.width, width);
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = rows[y];
    const above = grid.data.subarray(top * grid.width, (top + 1) * grid.width);
    const below = grid.data.subarray(bottom * grid.width, (bottom + 1) * grid.width);
    for (let x = 0; x < width; x++) {
      const [left, right, across] = columns[x];
      const upper = (1 - across) * above[left] + across * above[right];
      const lower = (1 - across) * below[left] + across * below[right];
      zoomed[y * width + x] = (1 - down) * upper + down * lower;
    }
  }
  return makeGrid(height, width, zoomed);
}

function between(oldLength, newLength) {
  return Array.from({ length: newLength }, (_, i) => {
    const place = Math.min(Math.max(0, ((i + 0.5) * oldLength) / newLength - 0.5), oldLength - 1);
    const low = Math.floor(place);
    return [low, Math.min(low + 1, oldLength - 1), place - low];
  });
}
