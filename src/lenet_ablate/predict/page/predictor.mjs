/** A trained run that reads pictures. */

import { makeGrid, roundEven } from "./arrays.mjs";
import { findDigits, toForm } from "./digits.mjs";
import { findInk } from "./ink.mjs";
import { forward } from "./network.mjs";

export const SURE = "sure";
const NOT_SURE = "not sure";

/**
 * @typedef {object} Predictor
 * @property {Network} network
 * @property {Form} form How the data set that it learned from has its digits.
 * @property {number[][]|null} resize What each old pixel adds to each new one along an axis, where not merely a border.
 * @property {number} temperature Divides the logits.
 * @property {number} margin From which an answer is sure, in nats.
 *
 * @typedef {object} Prediction
 * @property {number} digit 0..9.
 * @property {number} runnerUp The second likeliest digit.
 * @property {number[]} probabilities Ten, summing to 1.
 * @property {string} verdict SURE or NOT_SURE.
 * @property {number} margin Difference between the two largest logits, divided by the temperature, in nats.
 * @property {Grid} image (S, S) uint8, what the network saw.
 * @property {Box} box Where the digit is, in the picture at working size.
 * @property {Float32Array} logits
 * @property {Map<string, Maps>} maps
 */

/**
 * The digits of a picture from left to right; none where there is none.
 * @param {Predictor} predictor
 * @param {Picture} picture
 * @returns {Prediction[]}
 */
export function read(predictor, picture) {
  const ink = findInk(picture);
  const digits = ink ? findDigits(ink) : [];
  return digits.map((digit) => ({ ...predict(predictor, toForm(digit, predictor.form)), box: digit.box }));
}

/**
 * @param {Predictor} predictor
 * @param {Grid} image uint8, 0 = background, in the form of the data set.
 * @returns {Prediction} Without a box.
 */
export function predict(predictor, image) {
  const fitted = fit(image, predictor);
  const { logits, maps } = forward(predictor.network, fitted);
  const divided = Array.from(logits, (logit) => logit / predictor.temperature);
  const order = divided.map((_, digit) => digit).sort((one, other) => divided[other] - divided[one]);
  const margin = topMargin(divided);
  return {
    digit: order[0],
    runnerUp: order[1],
    probabilities: softmax(divided),
    verdict: margin >= predictor.margin ? SURE : NOT_SURE,
    margin,
    image: fitted,
    logits,
    maps,
  };
}

/** The same image with the side that the network takes. */
function fit(image, { network, resize }) {
  if (resize) return resizeWith(resize, image);
  const border = (network.size - image.width) / 2;
  const fitted = makeGrid(network.size, network.size, new Uint8Array(network.size ** 2));
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width, (y + 1) * image.width);
    fitted.data.set(row, (y + border) * network.size + border);
  }
  return fitted;
}

function resizeWith(weights, image) {
  const [size, side] = [weights.length, image.width];
  const wide = Float64Array.from({ length: side * size }, (_, i) => {
    const row = image.data.subarray(Math.floor(i / size) * side, (Math.floor(i / size) + 1) * side);
    return row.reduce((sum, value, k) => sum + value * weights[i % size][k], 0);
  });
  const values = Uint8Array.from({ length: size * size }, (_, i) => {
    const row = weights[Math.floor(i / size)];
    return roundEven(row.reduce((sum, weight, k) => sum + weight * wide[k * size + (i % size)], 0));
  });
  return makeGrid(size, size, values);
}

/**
 * @param {number[]} logits
 * @returns {number[]} Probabilities that sum to 1.
 */
function softmax(logits) {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Difference between the largest and the second largest logit, at least 0.
 * @param {number[]} logits
 */
function topMargin(logits) {
  const [first, second] = logits.slice().sort((one, other) => other - one);
  return first - second;
}
