/**
 * Boxes around ink.
 *
 * @typedef {object} Box Rows top..bottom-1 and columns left..right-1 of a picture.
 * @property {number} top
 * @property {number} left
 * @property {number} bottom
 * @property {number} right
 */

/** @param {Box} box */
export function boxHeight(box) {
  return box.bottom - box.top;
}

/** @param {Box} box */
export function boxWidth(box) {
  return box.right - box.left;
}

/**
 * The smallest box around both.
 * @param {Box} one
 * @param {Box} other
 * @returns {Box}
 */
export function join(one, other) {
  return {
    top: Math.min(one.top, other.top),
    left: Math.min(one.left, other.left),
    bottom: Math.max(one.bottom, other.bottom),
    right: Math.max(one.right, other.right),
  };
}

/**
 * How many pixels of paper lie between both along the axis where they are further apart; 0 if none.
 * @param {Box} one
 * @param {Box} other
 */
export function gap(one, other) {
  const down = Math.max(one.top - other.bottom, other.top - one.bottom);
  const across = Math.max(one.left - other.right, other.left - one.right);
  return Math.max(0, down, across);
}

/**
 * Whether most of the narrower one's columns are the other's too.
 * @param {Box} one
 * @param {Box} other
 */
export function isAboveOrBelow(one, other) {
  const shared = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  return 2 * shared > Math.min(boxWidth(one), boxWidth(other));
}

/**
 * The box and the number of pixels of each piece.
 * @param {Grid} labels int32 or uint8, 0 = none, pieces from 1.
 * @param {number} count Number of pieces.
 * @returns {{boxes: Box[], areas: Int32Array}} By the number of the piece; those of 0 mean nothing.
 */
export function boxesOf({ height, width, data }, count) {
  const areas = new Int32Array(count + 1);
  const boxes = Array.from({ length: count + 1 }, () => ({ top: height, left: width, bottom: 0, right: 0 }));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const piece = data[y * width + x];
      if (!piece) continue;
      const box = boxes[piece];
      areas[piece]++;
      if (y < box.top) box.top = y;
      if (x < box.left) box.left = x;
      if (x >= box.right) box.right = x + 1;
      box.bottom = y + 1;
    }
  }
  return { boxes, areas };
}

/**
 * The box of the pixels that are set in a mask.
 * @param {Grid} mask uint8, at least one pixel is 1.
 * @returns {Box}
 */
export function boxOf(mask) {
  return boxesOf(mask, 1).boxes[1];
}

/**
 * The smallest box in pixels of the picture as it is seen that holds one at working size.
 * @param {Picture} picture
 * @param {Box} box
 * @returns {Box}
 */
export function inPixels({ grey, height, width }, box) {
  const [down, across] = [height / grey.height, width / grey.width];
  return {
    top: Math.floor(box.top * down),
    left: Math.floor(box.left * across),
    bottom: Math.min(height, Math.ceil(box.bottom * down)),
    right: Math.min(width, Math.ceil(box.right * across)),
  };
}
