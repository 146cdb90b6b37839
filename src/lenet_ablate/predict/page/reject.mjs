/** What is no digit: a score learned from digits and from what is none. */

const LOGIT_SCALE = 0.2;
const MAX_UNITS = 256;
const BLOCKS = 8; // of each side of an image's middle
const BLOCK = 3; // pixels of each side of one
const FULL = 127.5; // the brightness that counts as 1

/**
 * @typedef {object} Rejection
 * @property {number[]} weights (F, H), row by row; F features: units of the last hidden layer, if
 *   read, logits, and the image's blocks.
 * @property {number[]} bias H.
 * @property {number[]} output H.
 * @property {number} offset Added to the score.
 * @property {number} not_sure Sum of score and margin below which no digit is sure.
 * @property {number} clear Nats of the margin at most that count in it.
 * @property {number} no_digit Score below which an image shows no digit.
 */

/**
 * How much an image looks like a digit: the log odds against what was learned from.
 * @param {Rejection} rejection
 * @param {Float32Array} units What the output layer is given.
 * @param {number[]} logits Divided by the temperature.
 * @param {Grid} image uint8, what the network is given.
 */
export function rejectionScore({ weights, bias, output, offset }, units, logits, image) {
  const read = units.length > MAX_UNITS ? [] : units; // too wide a layer is not read
  const features = [...read, ...logits.map((logit) => logit * LOGIT_SCALE), ...blocksOf(image)];
  const count = weights.length / bias.length; // those that an earlier version learned do without the blocks
  const sums = bias.map((value, unit) =>
    features.slice(0, count).reduce((sum, feature, i) => sum + feature * weights[i * bias.length + unit], value),
  );
  return sums.reduce((score, sum, unit) => score + Math.tanh(sum) * output[unit], offset);
}

/** The mean brightness of blocks in the middle of an image, row by row. */
function blocksOf(image) {
  const edge = Math.floor((image.width - BLOCKS * BLOCK) / 2);
  const sums = new Array(BLOCKS * BLOCKS).fill(0);
  for (let y = 0; y < BLOCKS * BLOCK; y++) {
    for (let x = 0; x < BLOCKS * BLOCK; x++) {
      sums[Math.floor(y / BLOCK) * BLOCKS + Math.floor(x / BLOCK)] += image.data[(edge + y) * image.width + edge + x];
    }
  }
  return sums.map((sum) => sum / (BLOCK ** 2 * FULL));
}
