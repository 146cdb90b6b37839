/** Of several ways to take ruled lines away, at each place the one whose signs read best. */

import { boxHeight, boxWidth, join } from "./boxes.mjs";

const SAME_PLACE = 0.25; // of the smaller box: signs that share as much stand in one place
const BETTER = 0.3; // nats by which another way must read better than the first
const MAIN = 0.6; // of a sign's height: its largest piece
const SURELY = -0.6; // how well that reads alone, to be taken for all
const ALIKE_NATS = 1; // where the whole reads better by no more than that:
const ALONE_NATS = -1; // and the piece so well, the whole is doubtful
const LOST = 3; // nats that a sign costs where the other way has nothing, if it is surely a digit

/**
 * @typedef {object} Found What stands in a picture.
 * @property {Digit[]} digits Signs that may be digits, in no order.
 * @property {LeftOut[]} leftOut Ink that belongs to none of them.
 * @property {number} size The writing's usual size.
 */

/**
 * What stands in a picture, at each place as the way says that reads best there.
 * @param {Found[]} ways What was found, at least once; the first one counts where others read no better.
 * @param {(ink: Grid) => number} judge The logarithm of how likely ink is one digit.
 * @returns {Found}
 */
export function bestOf(ways, judge) {
  return ways.slice(1).reduce((best, other) => joinedWays(best, other, judge), ways[0]);
}

/**
 * What was found, but for signs whose largest piece alone is surely a digit and all of their pieces are not. Where the
 * piece reads nearly as well the sign is doubtful.
 * @param {Found} found Signs of one piece or of several that are near each other.
 * @param {Found} apart The same pieces, each a sign of its own or left out.
 * @param {(ink: Grid) => number} judge
 * @returns {Found}
 */
export function withLoners(found, apart, judge) {
  let { digits, leftOut } = found;
  for (const sign of found.digits) {
    const inside = apart.digits.filter((other) => isInBox(other.box, sign.box));
    const area = ({ box }) => boxHeight(box) * boxWidth(box);
    const largest = inside.reduce((most, other) => (most && area(most) >= area(other) ? most : other), null);
    const isPart = largest && !isSameBox(largest.box, sign.box);
    if (!isPart || boxHeight(largest.box) < MAIN * boxHeight(sign.box)) continue;
    const [whole, alone] = [judge(sign.ink), judge(largest.ink)];
    if (alone < SURELY || alone <= whole + BETTER) {
      const isDoubtful = alone >= ALONE_NATS && alone > whole - ALIKE_NATS;
      if (isDoubtful) digits = digits.map((digit) => (digit === sign ? { ...digit, isDoubtful } : digit));
      continue;
    }
    digits = digits.filter((digit) => digit !== sign).concat(inside);
    const isNew = (mark) => !leftOut.some((old) => old.reason === mark.reason && isSameBox(old.box, mark.box));
    leftOut = leftOut.concat(apart.leftOut.filter((mark) => isNew(mark) && isInBox(mark.box, sign.box)));
  }
  return { ...found, digits, leftOut };
}

function joinedWays(one, other, judge) {
  const values = new Map();
  const value = (digit) => {
    if (!values.has(digit)) values.set(digit, judge(digit.ink));
    return values.get(digit);
  };
  let { digits, leftOut } = one;
  for (const [mine, theirs] of sharedPlaces(one.digits, other.digits)) {
    if (areSame(mine, theirs)) continue;
    if (placeValue(theirs, mine, value) <= placeValue(mine, theirs, value) + BETTER) continue;
    const isHere = (mark, signs) => signs.some((sign) => isAtPlace(mark.box, sign.box));
    digits = digits.filter((digit) => !mine.includes(digit)).concat(theirs);
    leftOut = leftOut.concat(other.leftOut.filter((mark) => isHere(mark, mine)));
    leftOut = leftOut.filter((mark) => !isHere(mark, theirs));
  }
  return { ...one, digits, leftOut };
}

/** How likely all signs of a place are digits; what only the other way has, and may be a digit, counts as lost. */
function placeValue(signs, others, value) {
  const lost = others.filter((other) => !signs.some((sign) => isAtPlace(sign.box, other.box)));
  const own = signs.reduce((sum, sign) => sum + value(sign), 0);
  return own - lost.reduce((sum, sign) => sum + Math.max(0, LOST + value(sign)), 0);
}

/** The signs of both ways that stand in the same place, directly or through others. */
function sharedPlaces(one, other) {
  let places = [];
  [one, other].forEach((signs, side) => {
    for (const sign of signs) {
      const near = places.filter((place) => place.flat().some((there) => isAtPlace(sign.box, there.box)));
      const joined = [near.flatMap((place) => place[0]), near.flatMap((place) => place[1])];
      joined[side].push(sign);
      places = [...places.filter((place) => !near.includes(place)), joined];
    }
  });
  return places;
}

function areSame(mine, theirs) {
  if (mine.length !== 1 || theirs.length !== 1 || !isSameBox(mine[0].box, theirs[0].box)) return false;
  return mine[0].ink.data.every((value, i) => value === theirs[0].ink.data[i]);
}

function isSameBox(one, other) {
  return one.top === other.top && one.left === other.left && one.bottom === other.bottom && one.right === other.right;
}

function isInBox(one, other) {
  return isSameBox(join(one, other), other);
}

function isAtPlace(one, other) {
  const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const smaller = Math.min(boxHeight(one) * boxWidth(one), boxHeight(other) * boxWidth(other));
  return down > 0 && across > 0 && down * across >= SAME_PLACE * smaller;
}
