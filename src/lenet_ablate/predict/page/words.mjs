/** What the page says, in the words of the command. */

import { NOT_A_DIGIT, SURE } from "./predictor.mjs";

const SETS = {
  mnist: "MNIST",
  fashion_mnist: "Fashion-MNIST",
  kmnist: "KMNIST",
  kmnist49: "Kuzushiji-49",
  qmnist: "QMNIST",
  emnist_balanced: "EMNIST balanced",
  emnist_letters: "EMNIST letters",
  emnist_digits: "EMNIST digits",
  digits: "scikit-learn's digits",
};
const MODELS = { lenet5: "LeNet-5", lenet5_28: "LeNet-5 on 28×28 pixels", mlp: "Fully connected network" };

/**
 * A probability in percent; nothing that is neither impossible nor certain is called so.
 * @param {number} probability 0..1.
 */
export function percent(probability) {
  if (probability < 0.0005) return "<0.1%";
  return probability < 0.9995 ? `${(100 * probability).toFixed(1)}%` : ">99.9%";
}

/**
 * How sure a digit is, and what else it may be; of a sign that is none, what it is most like.
 * @param {Prediction} prediction
 */
function sentence({ likeliest, runnerUp, probabilities, verdict, classes }) {
  if (verdict === NOT_A_DIGIT) return `not a digit, most like ${classes[likeliest]}`;
  const chance = `probability ${percent(probabilities[likeliest])}`;
  if (verdict === SURE) return `${chance}, sure`;
  return `${chance}, not sure; next likeliest ${classes[runnerUp]}, ${percent(probabilities[runnerUp])}`;
}

/**
 * What stands for a sign among others.
 * @param {Prediction} prediction
 */
export function letterOf({ digit, verdict, classes }) {
  if (digit === null) return "·";
  return verdict === SURE ? classes[digit] : `${classes[digit]}?`;
}

/**
 * What is said beside the large letters: of several digits, of the chosen one.
 * @param {Reading} reading
 * @param {number} chosen
 */
export function answer({ predictions, leftOut }, chosen) {
  const told = leftOutSentence(leftOut);
  if (!predictions.length) return joinedSentences("no digit found", told);
  const { digit, classes } = predictions[chosen];
  const which = `${digit === null ? "sign" : "digit"} ${chosen + 1} of ${predictions.length}: `;
  const name = digit === null ? "" : `${classes[digit]}, `;
  const one = `${predictions.length > 1 ? which + name : ""}${sentence(predictions[chosen])}`;
  return joinedSentences(one, told);
}

function joinedSentences(one, more) {
  return more ? `${one}; ${more}` : one;
}

/** How much ink was left out, for each reason: 3 marks at the edge were left out. */
function leftOutSentence(leftOut) {
  const counts = new Map();
  for (const { reason } of leftOut) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const tell = ([reason, count]) =>
    count > 1 ? `${count} marks ${reason} were left out` : `1 mark ${reason} was left out`;
  return counts.size ? `${[...counts].map(tell).join("; ")}, so the answer is not sure` : "";
}

/**
 * The whole answer, to be read aloud.
 * @param {Reading} reading
 */
export function spoken({ predictions, leftOut }) {
  const told = leftOutSentence(leftOut);
  if (!predictions.length) return joinedSentences("no digit found", told);
  const nameOf = ({ digit, classes }) => (digit === null ? "" : `${classes[digit]}, `);
  const say = (prediction) => `${nameOf(prediction)}${sentence(prediction)}`;
  const each = predictions.map(say).join("; ");
  if (predictions.length === 1) return joinedSentences(each, told);
  const rows = predictions.at(-1).row + 1;
  const order = rows > 1 ? `in ${rows} rows` : "from left to right";
  const isAll = predictions.every(({ digit }) => digit !== null);
  return joinedSentences(`${predictions.length} ${isAll ? "digits" : "signs"} ${order}: ${each}`, told);
}

/**
 * Which run this is and how good.
 * @param {{study: string, name: string, data: string, accuracy: number|null}} run
 * @param {string} model
 */
export function describe({ study, name, data, accuracy }, model) {
  const tested = accuracy === null ? "" : `, test accuracy ${(100 * accuracy).toFixed(2)}%`;
  return `${MODELS[model]} trained on ${SETS[data] ?? "own images"}${tested}: run ${name} of study ${study}.`;
}
