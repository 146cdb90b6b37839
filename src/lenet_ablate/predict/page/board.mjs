/** The board: strokes from mouse, finger or pen, and what is on it. */

import { PAPER, frameOf, paint } from "./drawing.mjs";

/**
 * Tells of strokes while they are drawn and when they end.
 * @param {HTMLCanvasElement} canvas
 * @param {() => number} penWidth In pixels of the paper.
 * @param {{onDraw: (stroke: Stroke) => void, onEnd: (stroke: Stroke) => void}} listener
 */
export function listen(canvas, penWidth, { onDraw, onEnd }) {
  let stroke = null;
  let pointer = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (stroke || event.button !== 0) return; // a second finger, or a menu's button
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    stroke = { width: penWidth(), points: [placeOf(canvas, event)] };
    onDraw(stroke);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    const points = (passed.length ? passed : [event]).map((each) => placeOf(canvas, each));
    stroke = { ...stroke, points: [...stroke.points, ...points] };
    onDraw(stroke);
  });
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    const ended = stroke;
    stroke = pointer = null;
    onEnd(ended);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}

function placeOf(canvas, event) {
  const frame = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - frame.left) / frame.width) * PAPER.width,
    y: ((event.clientY - frame.top) / frame.height) * PAPER.height,
  };
}

/**
 * Draws the board as sharp as the screen is.
 * @param {HTMLCanvasElement} canvas
 * @param {Drawing} drawing
 * @param {{box: Box, kind: string}[]} marked Boxes in the picture as it is seen: "chosen", "other" or "left out".
 */
export function showBoard(canvas, drawing, marked) {
  const sharpness = Math.min(3, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(canvas.clientWidth * sharpness));
  const height = Math.round((width * PAPER.height) / PAPER.width);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const scale = width / PAPER.width;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, PAPER.width, PAPER.height);
  const style = getComputedStyle(canvas);
  const frame = frameOf(drawing);
  if (drawing.loaded) context.drawImage(drawing.loaded.shown, frame.x, frame.y, frame.width, frame.height);
  paint(context, drawing.strokes, style.color);
  const enlarged = frame.width / (drawing.loaded?.picture.width ?? frame.width);
  for (const { box, kind } of marked) {
    const isQuiet = kind === "other";
    context.strokeStyle = style.getPropertyValue(isQuiet ? "--quiet" : "--mark");
    context.lineWidth = isQuiet ? 1 : 2;
    context.setLineDash(kind === "left out" ? [5, 4] : []);
    const [left, top] = [frame.x + box.left * enlarged, frame.y + box.top * enlarged];
    const [across, down] = [(box.right - box.left) * enlarged, (box.bottom - box.top) * enlarged];
    context.strokeRect(left - 4, top - 4, across + 8, down + 8);
  }
  context.setLineDash([]);
}
