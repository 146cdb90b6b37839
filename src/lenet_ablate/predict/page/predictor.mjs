/** A trained run that reads pictures. */

import { makeGrid, median, roundEven } from "./arrays.mjs";
import { boxHeight, boxWidth, inPixels } from "./boxes.mjs";
import { toForm } from "./form.mjs";
import { findLayout } from "./layout.mjs";
import { forward } from "./network.mjs";
import { rejectionScore } from "./reject.mjs";
import { contradicts } from "./stems.mjs";
import { mayBeSeveral, splitDigit } from "./touching.mjs";
import { hasUpstroke } from "./upstroke.mjs";

export const SURE = "sure";
const NOT_SURE = "not sure";
export const NOT_A_DIGIT = "not a digit";
const NO_DIGIT = "no digit";
const MOST_DIVIDED = 64; // signs of a picture that may be several digits
const SLASH = 0.5; // of its height: a 1 beside other signs that leans so far may be a slash;
const HIGH_SLASH = 0.3; // one that is higher than usual by this factor already if it leans so far:
const HIGHER = 1.12;
const AMONG_OTHERS = -0.5; // score below which nothing is sure beside other signs, which may be letters

/**
 * @typedef {object} Predictor
 * @property {Network} network
 * @property {string} subject What it reads, in a word.
 * @property {Form} form How the data set that it learned from has its digits.
 * @property {number[][]|null} resize What each old pixel adds to each new one along an axis, where not merely a border.
 * @property {number} temperature Divides the logits.
 * @property {number} margin From which an answer is sure, in nats.
 * @property {Rejection|null} rejection How to tell that an image shows no digit.
 *
 * @typedef {object} Prediction
 * @property {number|null} digit Number of the class, from 0; null of a sign that is none.
 * @property {number} likeliest The likeliest class.
 * @property {number} runnerUp The second likeliest digit.
 * @property {number[]} probabilities Of each class, summing to 1.
 * @property {string[]} classes What the classes are called.
 * @property {string} verdict SURE, NOT_SURE or NOT_A_DIGIT.
 * @property {number} margin Difference between the two largest logits, divided by the temperature, in nats.
 * @property {number|null} score How much it looks like a digit; null where that was not learned.
 * @property {Grid} image (S, S) uint8, what the network saw.
 * @property {Box} box Where it is, in pixels of the picture as it is seen.
 * @property {number} row Number of its row from the top, from 0.
 * @property {number} index Its place in the row, from 0.
 * @property {Float32Array} logits
 * @property {Map<string, Maps>} maps
 *
 * @typedef {object} Reading
 * @property {Prediction[]} predictions Row by row from the top, each from the left.
 * @property {LeftOut[]} leftOut Ink that was not read, with boxes in pixels of the picture as it is seen.
 * @property {string} verdict SURE where every sign is a sure digit and nothing was left out.
 */

/** @type {Reading} */
export const NOTHING_READ = { predictions: [], leftOut: [], verdict: NO_DIGIT };

/**
 * What stands in a picture, and what of it was not read.
 * @param {Predictor} predictor
 * @param {Picture} picture
 * @returns {Reading}
 */
export function read(predictor, picture) {
  const judge = predictor.rejection ? likelihoodWith(predictor) : null;
  const layout = findLayout(picture, judge);
  const rows = divided(predictor, layout.rows);
  const heights = Float64Array.from(rows.flat(), ({ box }) => boxHeight(box));
  const usual = heights.length > 1 ? median(heights) : null;
  const predictions = rows.flatMap((signs, row) =>
    signs.map((digit, index) => {
      const found = orUpstroke(predict(predictor, toForm(digit.ink, predictor.form)), digit, predictor.subject);
      const verdict = verdictOf(digit, found, usual, predictor.subject);
      const number = verdict === NOT_A_DIGIT ? null : found.digit;
      return { ...found, digit: number, verdict, box: inPixels(layout.picture, digit.box), row, index };
    }),
  );
  const leftOut = layout.leftOut.map(({ box, reason }) => ({ box: inPixels(layout.picture, box), reason }));
  return { predictions, leftOut, verdict: pictureVerdict(predictions, leftOut) };
}

function verdictOf({ isBar, isDoubtful, box, ink }, { digit, verdict, score }, usual, subject) {
  if (isBar) return NOT_A_DIGIT;
  if (verdict !== SURE) return verdict;
  const isDigit = subject === "digit";
  const leaning = boxHeight(box) > HIGHER * usual ? HIGH_SLASH : SLASH;
  const isSlash = digit === 1 && isDigit && boxWidth(box) > leaning * boxHeight(box);
  const isOdd = usual !== null && (isSlash || (score !== null && score < AMONG_OTHERS));
  return isDoubtful || isOdd || (isDigit && contradicts(digit, ink)) ? NOT_SURE : SURE;
}

function pictureVerdict(predictions, leftOut) {
  if (predictions.every(({ digit }) => digit === null)) return predictions.length ? NOT_A_DIGIT : NO_DIGIT;
  return predictions.every(({ verdict }) => verdict === SURE) && !leftOut.length ? SURE : NOT_SURE;
}

/**
 * The signs of each row, those that touch taken apart; without a rejection nothing tells a part from a whole. Of more
 * than MOST_DIVIDED none is: the picture is no writing, and each takes many looks; none of them is sure.
 */
function divided(predictor, rows) {
  if (!predictor.rejection) return rows;
  const signs = rows.flat();
  const isSure = (digit) => predict(predictor, toForm(digit.ink, predictor.form)).verdict === SURE;
  const wide = new Set(signs.filter((digit) => mayBeSeveral(digit, isSure(digit))));
  const parts = (digit) => {
    if (!wide.has(digit)) return [digit];
    if (wide.size > MOST_DIVIDED) return [{ ...digit, isDoubtful: true }];
    return splitDigit(digit, likelihoodWith(predictor), signs.length === 1);
  };
  return rows.map((row) => row.flatMap(parts));
}

/** What tells the logarithm of how likely ink is one digit that is read rightly. */
function likelihoodWith(predictor) {
  return (ink) => {
    const { probabilities, score } = predict(predictor, toForm(ink, predictor.form));
    return Math.log(Math.max(...probabilities)) - softplus(-score);
  };
}

/** What was said of a sign, or a 1 that is not sure where its strokes say so and the network is not sure. */
function orUpstroke(found, digit, subject) {
  const isAsked = subject === "digit" && found.verdict === NOT_SURE && found.digit !== 1;
  if (!isAsked || !hasUpstroke(digit.ink)) return found;
  const probabilities = found.probabilities.map((value, number) => value / 2 + (number === 1 ? 0.5 : 0));
  const runnerUp = found.likeliest;
  return { ...found, digit: 1, likeliest: 1, runnerUp, probabilities };
}

/** The logarithm of one plus the exponential. */
function softplus(value) {
  return Math.max(0, value) + Math.log1p(Math.exp(-Math.abs(value)));
}

/**
 * @param {Predictor} predictor
 * @param {Grid} image uint8, 0 = background, in the form of the data set.
 * @returns {Prediction} Without a place.
 */
export function predict(predictor, image) {
  const fitted = fit(image, predictor);
  const { logits, maps, units } = forward(predictor.network, fitted);
  const divided = Array.from(logits, (logit) => logit / predictor.temperature);
  const order = divided.map((_, digit) => digit).sort((one, other) => divided[other] - divided[one]);
  const margin = topMargin(divided);
  const score = predictor.rejection ? rejectionScore(predictor.rejection, units, divided, fitted) : null;
  const verdict = judged(predictor, margin, score);
  return {
    digit: verdict === NOT_A_DIGIT ? null : order[0],
    likeliest: order[0],
    runnerUp: order[1],
    probabilities: softmax(divided),
    classes: predictor.classes,
    verdict,
    margin,
    score,
    image: fitted,
    logits,
    maps,
  };
}

function judged({ margin: least, rejection }, margin, score) {
  if (rejection && score < rejection.no_digit) return NOT_A_DIGIT;
  if (rejection && score + Math.min(margin, rejection.clear) < rejection.not_sure) return NOT_SURE;
  return margin >= least ? SURE : NOT_SURE;
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
