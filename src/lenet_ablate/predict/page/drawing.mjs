/** What has been drawn, as values: every change gives a new drawing, so that undoing is going back to an old one. */

import { makeCanvas } from "./files.mjs";
import { prepare } from "./load.mjs";

/** Size of the board's paper; strokes are measured in its pixels. */
export const PAPER = { width: 384, height: 288 };

const MARGIN = 6; // of white around it in the picture that is read: ink at the edge of a picture may be a shadow

/**
 * @typedef {object} Stroke
 * @property {number} width In pixels of the paper.
 * @property {{x: number, y: number}[]} points At least one, in pixels of the paper.
 *
 * @typedef {object} Drawing Strokes on paper, or a picture from a file.
 * @property {Stroke[]} strokes
 * @property {LoadedPicture|null} loaded
 */

/** @type {Drawing} */
export const BLANK = { strokes: [], loaded: null };

/** @param {Drawing} drawing */
export function isBlank(drawing) {
  return !drawing.strokes.length && !drawing.loaded;
}

/**
 * With one more stroke; on a picture from a file nothing is drawn: a new sheet is begun.
 * @param {Drawing} drawing
 * @param {Stroke} stroke
 * @returns {Drawing}
 */
export function withStroke(drawing, stroke) {
  return { strokes: [...drawing.strokes, stroke], loaded: null };
}

/**
 * The picture to be read: dark strokes on white paper, or the picture from a file.
 * @param {Drawing} drawing
 * @returns {Picture}
 */
export function toPicture(drawing) {
  if (drawing.loaded) return drawing.loaded.picture;
  const { x, y, width, height } = frameOf(drawing);
  const context = makeCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.translate(-x, -y);
  context.rect(0, 0, PAPER.width, PAPER.height);
  context.clip();
  paint(context, drawing.strokes, "#000");
  return prepare(context.getImageData(0, 0, width, height));
}

/**
 * @param {CanvasRenderingContext2D} context Scaled to pixels of the paper.
 * @param {Stroke[]} strokes
 * @param {string} colour
 */
export function paint(context, strokes, colour) {
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = colour;
  for (const { width, points } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(points[0].x, points[0].y);
    context.lineTo(points[0].x + 0.01, points[0].y); // of no length, a line has no round end in every browser
    for (const { x, y } of points) context.lineTo(x, y);
    context.stroke();
  }
}

/**
 * Where the picture that is read lies on the paper: of a file as large as fits, in the middle.
 * @param {Drawing} drawing
 * @returns {{x: number, y: number, width: number, height: number}} In pixels of the paper.
 */
export function frameOf({ loaded }) {
  if (!loaded) {
    return { x: -MARGIN, y: -MARGIN, width: PAPER.width + 2 * MARGIN, height: PAPER.height + 2 * MARGIN };
  }
  const scale = Math.min(PAPER.width / loaded.shown.width, PAPER.height / loaded.shown.height);
  const [width, height] = [loaded.shown.width * scale, loaded.shown.height * scale];
  return { x: (PAPER.width - width) / 2, y: (PAPER.height - height) / 2, width, height };
}
