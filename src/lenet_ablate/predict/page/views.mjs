/** What the page shows of an answer: the image that the network saw, probabilities, maps, the digits in a row. */

import { makeCanvas } from "./files.mjs";
import { SURE } from "./predictor.mjs";
import { letterOf, percent } from "./words.mjs";

const MOST_BARS = 10;

/**
 * Paints values as grey pixels, one for one; the style enlarges them.
 * @param {HTMLCanvasElement} canvas
 * @param {{height: number, width: number, data: ArrayLike<number>}} grid
 * @param {number} low Becomes black.
 * @param {number} high Becomes white.
 */
export function paintGrey(canvas, { height, width, data }, low, high) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < height * width; i++) {
    pixels.data.fill(Math.round((data[i] - low) * scale), 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

/**
 * All signs of a picture in large letters, row by row, those that are not sure with a question mark.
 * @param {HTMLElement} place
 * @param {Prediction[]} predictions
 */
export function showHeadline(place, predictions) {
  const letters = predictions.flatMap((prediction, number) => {
    const letter = document.createElement("span");
    letter.className = prediction.verdict === SURE ? "sure" : "unsure";
    letter.textContent = letterOf(prediction);
    const isNext = number > 0 && prediction.row > predictions[number - 1].row;
    return isNext ? [document.createElement("br"), letter] : [letter];
  });
  place.replaceChildren(...letters);
  place.classList.toggle("many", predictions.length > 8);
}

/**
 * A row for each class: name, bar, figure; of many classes for the likeliest.
 * @param {HTMLTableSectionElement} body
 * @param {string[]} classes
 */
export function buildBars(body, classes) {
  for (const name of classes.slice(0, MOST_BARS)) {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = classes.length > MOST_BARS ? "" : name;
    const bar = document.createElement("span");
    bar.className = "bar";
    row.append(head);
    row.insertCell().append(bar);
    row.insertCell().className = "number";
  }
}

/**
 * @param {HTMLTableSectionElement} body From `buildBars`.
 * @param {string[]} classes
 * @param {Prediction|null} prediction
 */
export function showBars(body, classes, prediction) {
  const shown = shownClasses(classes, prediction);
  [...body.rows].forEach((row, place) => {
    const number = shown[place];
    const probability = prediction ? prediction.probabilities[number] : 0;
    if (classes.length > MOST_BARS) row.cells[0].textContent = prediction ? classes[number] : "";
    const isSaid = prediction !== null && number === prediction.digit;
    row.className = isSaid ? (prediction.verdict === SURE ? "sure" : "unsure") : "";
    row.querySelector(".bar").style.width = `${100 * probability}%`;
    row.cells[2].textContent = prediction ? percent(probability) : "–";
  });
}

/** All classes in their order, or of many the likeliest, these first. */
function shownClasses(classes, prediction) {
  const numbers = classes.map((_, number) => number);
  if (classes.length <= MOST_BARS || !prediction) return numbers.slice(0, MOST_BARS);
  const { probabilities } = prediction;
  return numbers.sort((one, other) => probabilities[other] - probabilities[one]).slice(0, MOST_BARS);
}

/**
 * One button for each digit of a picture that holds several.
 * @param {HTMLElement} list
 * @param {Prediction[]} predictions
 * @param {number} chosen
 * @param {(number: number) => void} onChoose
 */
export function showRow(list, predictions, chosen, onChoose) {
  const count = predictions.length > 1 ? predictions.length : 0;
  list.hidden = !count;
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) {
    const button = document.createElement("button");
    const number = list.children.length;
    button.type = "button";
    button.addEventListener("click", () => onChoose(number));
    button.append(makeCanvas(1, 1), document.createElement("span"));
    list.append(button);
  }
  [...list.children].forEach((button, number) => {
    const { image, digit, verdict, classes } = predictions[number];
    const [kind, name] = digit === null ? ["Sign", ""] : ["Digit", `${classes[digit]}, `];
    button.setAttribute("aria-pressed", `${number === chosen}`);
    button.setAttribute("aria-label", `${kind} ${number + 1}: ${name}${verdict}`);
    paintGrey(button.firstChild, image, 0, 255);
    button.lastChild.textContent = letterOf(predictions[number]);
  });
}

/**
 * The maps of each convolution, empty as long as there is no digit.
 * @param {HTMLElement} place
 * @param {Network} network
 * @param {Map<string, Maps>|null} maps
 */
export function showMaps(place, network, maps) {
  if (!place.children.length) buildMaps(place, network);
  for (const figure of place.children) {
    const layer = maps?.get(figure.dataset.layer) ?? null;
    const [low, high] = layer ? rangeOf(layer.data) : [0, 0];
    [...figure.querySelectorAll("canvas")].forEach((canvas, number) => {
      if (!layer) {
        canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
        return;
      }
      const size = layer.height * layer.width;
      const data = layer.data.subarray(number * size, (number + 1) * size);
      paintGrey(canvas, { height: layer.height, width: layer.width, data }, low, high);
    });
  }
}

function buildMaps(place, network) {
  let side = network.size;
  for (const { name, shape, is_pooled: isPooled } of network.layers) {
    if (shape.length !== 4 || shape[2] >= side) return;
    side -= shape[2] - 1;
    const figure = document.createElement("figure");
    figure.dataset.layer = name;
    const maps = document.createElement("div");
    maps.className = `maps maps-${shape[0] > 8 ? "many" : "few"}`;
    maps.setAttribute("role", "img");
    maps.setAttribute("aria-label", `${shape[0]} feature maps of ${name}`);
    maps.append(...Array.from({ length: shape[0] }, () => makeCanvas(side, side)));
    const caption = document.createElement("figcaption");
    caption.textContent = `${name}: ${shape[0]} maps of ${side}×${side}`;
    figure.append(maps, caption);
    place.append(figure);
    if (isPooled) side /= 2;
  }
}

function rangeOf(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}
