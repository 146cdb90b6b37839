/** Bars that part the fields of a form: equally high, equally broad and equally far apart; no ones. */

import { median } from "./arrays.mjs";
import { boxHeight, boxWidth } from "./boxes.mjs";

const SLIM = 3; // height over width
const FEWEST = 4;
const ALIKE = 0.08; // of their height, and of the distance between them: how much bars differ at most
const BARS_APART = 0.5; // of their height: how far apart they are at least

/**
 * The numbers of the boxes that are bars of a comb.
 * @param {Box[]} boxes Of signs, in any order.
 * @returns {Set<number>}
 */
export function combBars(boxes) {
  const found = new Set();
  const slim = [...boxes.keys()].filter((number) => boxHeight(boxes[number]) >= SLIM * boxWidth(boxes[number]));
  for (const number of slim) {
    const alike = slim.filter((other) => isAlike(boxes[number], boxes[other]));
    if (alike.length < FEWEST) continue;
    alike.sort((one, other) => boxes[one].left - boxes[other].left);
    const middles = alike.map((other) => (boxes[other].left + boxes[other].right) / 2);
    const gaps = Float64Array.from(middles.slice(1), (middle, i) => middle - middles[i]);
    const usual = median(gaps);
    const isEven = gaps.every((gap) => Math.abs(gap - usual) <= ALIKE * usual + 1);
    if (usual >= BARS_APART * boxHeight(boxes[number]) && isEven) for (const other of alike) found.add(other);
  }
  return found;
}

function isAlike(one, other) {
  const most = ALIKE * boxHeight(one) + 1;
  return Math.abs(one.top - other.top) <= most && Math.abs(one.bottom - other.bottom) <= most;
}
