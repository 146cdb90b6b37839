/** Answers the tests' questions with the page's own script: node page_in_node.mjs SCRIPT.mjs < questions.json */

import { readFileSync } from "node:fs";

const page = await import(process.argv[2]);
const { model, pictures, images } = JSON.parse(readFileSync(0, "utf8"));
const predictor = { ...model, network: page.withWeights(model.network, model.weights) };

function bytes(base64) {
  return Uint8ClampedArray.from(Buffer.from(base64, "base64"));
}

function told(prediction) {
  const { digit, runnerUp, verdict, probabilities, margin, score, box, row, index, logits, image } = prediction;
  const maps = Object.fromEntries(
    Array.from(prediction.maps, ([name, { count, height, width, data }]) => [
      name,
      { shape: [count, height, width], data: Array.from(data) },
    ]),
  );
  const seen = Buffer.from(image.data).toString("base64");
  const place = { box, row, index };
  return { digit, runnerUp, verdict, probabilities, margin, score, ...place, logits: Array.from(logits), image: seen, maps };
}

function answered({ predictions, leftOut, verdict }) {
  return { signs: predictions.map(told), leftOut, verdict };
}

const answers = {
  pictures: pictures.map(({ height, width, data }) =>
    answered(page.read(predictor, page.prepare({ height, width, data: bytes(data) }))),
  ),
  images: images.map(({ height, width, data }) =>
    told(page.predict(predictor, page.makeGrid(height, width, Uint8Array.from(bytes(data))))),
  ),
};
process.stdout.write(JSON.stringify(answers));
