/** What the page says, in the words of the command. */

import { SURE } from "./predictor.mjs";

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
 * All digits of a picture, in large letters.
 * @param {Prediction[]} predictions
 */
export function headline(predictions) {
  return predictions.map(({ digit, verdict }) => (verdict === SURE ? `${digit}` : `${digit}?`)).join(" ");
}

/**
 * How sure a digit is, and what else it may be.
 * @param {Prediction} prediction
 */
export function sentence({ digit, runnerUp, probabilities, verdict }) {
  const likeliest = percent(probabilities[digit]);
  if (verdict === SURE) return `${digit}, ${likeliest}, sure`;
  return `${digit}, ${likeliest}, not sure: or ${runnerUp}, ${percent(probabilities[runnerUp])}`;
}

/**
 * The whole answer, to be read aloud.
 * @param {Prediction[]} predictions
 */
export function spoken(predictions) {
  if (!predictions.length) return "no digit found";
  if (predictions.length === 1) return sentence(predictions[0]);
  return `${predictions.length} digits from left to right: ${predictions.map(sentence).join("; ")}`;
}

/**
 * Which run this is and how good.
 * @param {{study: string, name: string, data: string, accuracy: number|null}} run
 * @param {string} model
 */
export function describe({ study, name, data, accuracy }, model) {
  const tested = accuracy === null ? "" : `, test accuracy ${(100 * accuracy).toFixed(2)}%`;
  return `${MODELS[model]} trained on ${data}${tested}: run ${name} of study ${study}.`;
}
