/** The order in which signs are read: in rows from top to bottom, each from left to right; rows may slant. */

import { median } from "./arrays.mjs";

const OVERLAP = 0.4; // of the lower one's height: neighbours in a row share as much
const SMALL_SIGN = 0.5; // of the writing's size: a comma or a bar takes the row of what is near it
const FLAT = 2; // times as far across as down: neighbours in a row rather than in a column
const FAR = 5; // times the writing's size: no neighbours

/**
 * The numbers of boxes in the order in which they are read, row by row.
 * @param {Box[]} boxes Of signs, in any order.
 * @param {number} size The writing's usual size.
 * @param {Set<number>} bars Those that are a form's print: they take the row of what is near them.
 * @returns {number[][]}
 */
export function inRows(boxes, size, bars) {
  const slant = slantOf(
    boxes.filter((_, number) => !bars.has(number)),
    size,
  );
  const places = boxes.map((box, number) => {
    const middle = (box.left + box.right) / 2;
    const [top, bottom] = [box.top - slant * middle, box.bottom - slant * middle];
    return { number, middle, top, bottom, height: bottom - top };
  });
  places.sort((one, other) => one.middle - other.middle || one.number - other.number);
  const rows = [];
  const isSmall = (place) => place.height < SMALL_SIGN * size || bars.has(place.number);
  for (const place of places) if (!isSmall(place)) addToRow(rows, place);
  for (const place of places) if (isSmall(place)) addSmall(rows, place, size);
  const high = (row) => median(Float64Array.from(row, (place) => place.top + place.bottom));
  const ordered = rows.map((row) => ({ row, high: high(row) })).sort((one, other) => one.high - other.high);
  return ordered.map(({ row }) => row.sort((one, other) => one.middle - other.middle).map((place) => place.number));
}

/** To the row whose last sign shares most of its height, or to a new one. */
function addToRow(rows, place) {
  const shares = rows.map((row) => shared(row.at(-1), place));
  const most = Math.max(-Infinity, ...shares);
  if (most >= OVERLAP) rows[shares.indexOf(most)].push(place);
  else rows.push([place]);
}

function shared(one, other) {
  const both = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return both / Math.max(1, Math.min(one.height, other.height));
}

/** To the row whose nearest sign is less than half the writing's size above or below. */
function addSmall(rows, place, size) {
  const away = rows.map((row) => {
    const far = row.map((other) => Math.abs(other.middle - place.middle));
    const nearest = row[far.indexOf(Math.min(...far))];
    return Math.max(nearest.top - place.bottom, place.top - nearest.bottom, 0);
  });
  const least = Math.min(Infinity, ...away);
  if (least < SMALL_SIGN * size) rows[away.indexOf(least)].push(place);
  else rows.push([place]);
}

/** How far rows fall from left to right, in rows per column: the median over neighbours side by side. */
function slantOf(boxes, size) {
  const middles = boxes.map((box) => ({
    x: (box.left + box.right) / 2,
    y: (box.top + box.bottom) / 2,
    height: box.bottom - box.top,
  }));
  const slopes = [];
  for (const one of middles) {
    let [best, nearest] = [null, Infinity];
    for (const other of middles) {
      const [across, down] = [other.x - one.x, other.y - one.y];
      const isBeside = across > FLAT * Math.abs(down) && across < FAR * size;
      if (!isBeside || Math.min(one.height, other.height) <= SMALL_SIGN * size) continue;
      if (across + FLAT * Math.abs(down) < nearest) [best, nearest] = [down / across, across + FLAT * Math.abs(down)];
    }
    if (best !== null) slopes.push(best);
  }
  return slopes.length > 2 ? median(Float64Array.from(slopes)) : 0;
}
