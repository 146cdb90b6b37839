/** What the page says, in the words of the command. */

import { SURE } from "./predictor.mjs";

const SETS = { mnist: "MNIST", fashion_mnist: "Fashion-MNIST", kmnist: "KMNIST", digits: "scikit-learn's digits" };
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
 * How sure a digit is, and what else it may be.
 * @param {Prediction} prediction
 */
function sentence({ digit, runnerUp, probabilities, verdict }) {
  const likeliest = `probability ${percent(probabilities[digit])}`;
  if (verdict === SURE) return `${likeliest}, sure`;
  return `${likeliest}, not sure; next likeliest ${runnerUp}, ${percent(probabilities[runnerUp])}`;
}

/**
 * What is said beside the large letters: of several digits, of the chosen one.
 * @param {Prediction[]} predictions
 * @param {number} chosen
 */
export function answer(predictions, chosen) {
  if (!predictions.length) return "no digit found";
  const which = `digit ${chosen + 1} of ${predictions.length}: ${predictions[chosen].digit}, `;
  return `${predictions.length > 1 ? which : ""}${sentence(predictions[chosen])}`;
}

/**
 * The whole answer, to be read aloud.
 * @param {Prediction[]} predictions
 */
export function spoken(predictions) {
  if (!predictions.length) return "no digit found";
  const each = predictions.map((prediction) => `${prediction.digit}, ${sentence(prediction)}`).join("; ");
  return predictions.length === 1 ? each : `${predictions.length} digits from left to right: ${each}`;
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
