/** What is no digit: a score learned from digits and from what is none. */

const LOGIT_SCALE = 0.2;

/**
 * @typedef {object} Rejection
 * @property {number[]} weights (F, H), row by row; F features: units of the last hidden layer, if read, and logits.
 * @property {number[]} bias H.
 * @property {number[]} output H.
 * @property {number} offset Added to the score.
 * @property {number} not_sure Score below which no digit is sure.
 * @property {number} no_digit Score below which an image shows no digit.
 */

/**
 * How much an image looks like a digit: the log odds against what was learned from.
 * @param {Rejection} rejection
 * @param {Float32Array} units What the output layer is given.
 * @param {number[]} logits Divided by the temperature.
 */
export function rejectionScore({ weights, bias, output, offset }, units, logits) {
  const scaled = logits.map((logit) => logit * LOGIT_SCALE);
  const isWide = weights.length < (units.length + scaled.length) * bias.length; // too wide a layer is not read
  const features = isWide ? scaled : [...units, ...scaled];
  const sums = bias.map((value, unit) =>
    features.reduce((sum, feature, i) => sum + feature * weights[i * bias.length + unit], value),
  );
  return sums.reduce((score, sum, unit) => score + Math.tanh(sum) * output[unit], offset);
}
