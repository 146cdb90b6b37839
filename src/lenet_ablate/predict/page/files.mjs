/** Pictures from files: decoded by the browser within limits, or one sentence that says why not. */

import { makeGrid } from "./arrays.mjs";
import { shrinkFactors, simplify, toWorkingSize } from "./load.mjs";

const MAX_BYTES = 100 * 2 ** 20;
const MAX_PIXELS = 50 * 2 ** 20;
const STRIP_PIXELS = 2 ** 21; // what is decoded at a time: some browsers give no canvas for a whole photograph
const SHOWN_SIDE = 1024;

/**
 * @typedef {object} LoadedPicture
 * @property {Picture} picture At working size.
 * @property {HTMLCanvasElement} shown The same to look at.
 */

/**
 * @param {File|Blob} file
 * @returns {Promise<LoadedPicture>}
 * @throws {Error} It is too large or no picture; the message is for the user.
 */
export async function loadPicture(file) {
  const name = file.name || "picture";
  if (file.size > MAX_BYTES) throw new Error(`${name}: is larger than ${MAX_BYTES / 2 ** 20} MiB`);
  const bitmap = await decode(file, name);
  try {
    if (bitmap.width * bitmap.height > MAX_PIXELS) {
      throw new Error(`${name}: has more than ${MAX_PIXELS / 2 ** 20} megapixels; make it smaller`);
    }
    const simple = simplifyInStrips(bitmap, await isJpeg(file));
    return { picture: toWorkingSize(simple, bitmap.height, bitmap.width), shown: shrunk(bitmap) };
  } finally {
    bitmap.close();
  }
}

async function decode(file, name) {
  const options = { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" };
  try {
    return await createImageBitmap(file, options).catch((error) => {
      if (error instanceof TypeError) return createImageBitmap(file); // a browser that does not know the options
      throw error;
    });
  } catch {
    throw new Error(`${name}: is not a picture that this browser can read; save it as PNG or JPEG`);
  }
}

/** By the first bytes of its content; a name may say anything. */
async function isJpeg(file) {
  const head = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  return head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff;
}

function simplifyInStrips(bitmap, hasFraction) {
  const factors = shrinkFactors(Math.max(bitmap.width, bitmap.height), hasFraction);
  const block = factors[0] * factors[1];
  const rows = block * Math.max(1, Math.floor(STRIP_PIXELS / bitmap.width / block));
  const canvas = makeCanvas(bitmap.width, Math.min(rows, bitmap.height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const strips = [];
  for (let top = 0; top < bitmap.height; top += rows) {
    const height = Math.min(rows, bitmap.height - top);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, -top);
    strips.push(simplify(context.getImageData(0, 0, bitmap.width, height), factors));
  }
  return { grey: stacked(strips.map((strip) => strip.grey)), alpha: stacked(strips.map((strip) => strip.alpha)) };
}

function stacked(strips) {
  const height = strips.reduce((sum, strip) => sum + strip.height, 0);
  const all = makeGrid(height, strips[0].width, new Uint8Array(height * strips[0].width));
  let place = 0;
  for (const { data } of strips) {
    all.data.set(data, place);
    place += data.length;
  }
  return all;
}

function shrunk(bitmap) {
  const scale = Math.min(1, SHOWN_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = makeCanvas(width, height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

/**
 * @param {number} width
 * @param {number} height
 * @returns {HTMLCanvasElement}
 */
export function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
