/** The page at work: what is drawn goes to the predictor, and its answer is shown. */

import { listen, showBoard } from "./board.mjs";
import { BLANK, isBlank, toPicture, withStroke } from "./drawing.mjs";
import { loadPicture } from "./files.mjs";
import { listenForFiles } from "./intake.mjs";
import { withWeights } from "./network.mjs";
import { NOTHING_READ, read } from "./predictor.mjs";
import { buildBars, paintGrey, showBars, showHeadline, showMaps, showRow } from "./views.mjs";
import { answer, describe, spoken } from "./words.mjs";

const BUSY_SHARE = 0.5; // of the time may be spent on reading while a stroke is being drawn

/**
 * @typedef {object} Sheet What changes while one draws.
 * @property {Drawing} drawing All strokes that are ended, or a picture.
 * @property {Drawing[]} past To go back to.
 * @property {Stroke|null} stroke The one that is being drawn.
 * @property {Reading} reading
 * @property {number} chosen Number of the digit that is shown in full.
 */

function start() {
  const model = JSON.parse(document.getElementById("data").textContent);
  const predictor = { ...model, network: withWeights(model.network, model.weights) };
  const page = findElements();
  const sheet = { drawing: BLANK, past: [], stroke: null, reading: NOTHING_READ, chosen: 0 };
  introduce(page, model);
  const refresh = makeRefresh(page, predictor, sheet);
  obey(page, sheet, refresh);
  new ResizeObserver(refresh).observe(page.board);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
}

function findElements() {
  const names = ["board", "hint", "undo", "clear", "pen", "file", "message", "headline", "sentence", "spoken"];
  names.push("row", "seen", "seen-size", "bars", "maps", "inside", "run", "calibration");
  return Object.fromEntries(names.map((name) => [name, document.getElementById(name)]));
}

function introduce(page, { run, network, classes }) {
  page.run.textContent = describe(run, network.model);
  page.calibration.textContent = run.is_calibrated ? "" : "It is not calibrated: its percentages are too high.";
  page["seen-size"].textContent = `${network.size}×${network.size} pixels`;
  page.seen.width = page.seen.height = network.size;
  buildBars(page.bars, classes);
  showMaps(page.maps, network, null);
  page.inside.hidden = !page.maps.children.length;
}

/** Something to be called after every change: reads and shows once, when the screen is next drawn. */
function makeRefresh(page, predictor, sheet) {
  let [isDue, nextRead] = [false, 0];
  const draw = (now) => {
    isDue = false;
    const drawing = sheet.stroke ? withStroke(sheet.drawing, sheet.stroke) : sheet.drawing;
    if (!sheet.stroke || now >= nextRead) {
      const begun = performance.now();
      sheet.reading = isBlank(drawing) ? NOTHING_READ : read(predictor, toPicture(drawing));
      sheet.chosen = Math.min(sheet.chosen, Math.max(0, sheet.reading.predictions.length - 1));
      nextRead = begun + (performance.now() - begun) / BUSY_SHARE;
    }
    render(page, predictor, drawing, sheet);
    showRow(page.row, sheet.reading.predictions, sheet.chosen, (chosen) => {
      sheet.chosen = chosen;
      refresh();
    });
    if (!sheet.stroke) page.spoken.textContent = isBlank(drawing) ? "" : spoken(sheet.reading);
  };
  const refresh = () => {
    if (!isDue) requestAnimationFrame(draw);
    isDue = true;
  };
  return refresh;
}

function render(page, { network, classes, subject }, drawing, { reading, chosen }) {
  const { predictions, leftOut } = reading;
  const isEmpty = isBlank(drawing);
  const prediction = predictions[chosen] ?? null;
  const isMarked = drawing.loaded || predictions.length > 1;
  const signs = predictions.map(({ box }, number) => ({ box, kind: number === chosen ? "chosen" : "other" }));
  const marked = [...(isMarked ? signs : []), ...leftOut.map(({ box }) => ({ box, kind: "left out" }))];
  showBoard(page.board, drawing, marked);
  page.hint.hidden = !isEmpty;
  showHeadline(page.headline, predictions);
  page.sentence.textContent = isEmpty ? `draw a ${subject}` : answer(reading, chosen);
  if (prediction) paintGrey(page.seen, prediction.image, 0, 255);
  else page.seen.getContext("2d").clearRect(0, 0, page.seen.width, page.seen.height);
  showBars(page.bars, classes, prediction);
  showMaps(page.maps, network, prediction ? prediction.maps : null);
}

/** What the user can do, with pointer, files and keys. */
function obey(page, sheet, refresh) {
  const complain = (text) => (page.message.textContent = text);
  const show = (drawing) => {
    Object.assign(sheet, { drawing, stroke: null });
    complain("");
    refresh();
  };
  const change = (drawing, chosen = sheet.chosen) => {
    sheet.past.push(sheet.drawing);
    sheet.chosen = chosen;
    show(drawing);
  };
  const undo = () => sheet.past.length && show(sheet.past.pop());
  const clear = () => (isBlank(sheet.drawing) ? complain("") : change(BLANK, 0));
  let newest = null; // a picture that is decoded after a later one was chosen comes too late
  const load = (file) => {
    newest = file;
    loadPicture(file).then(
      (loaded) => file === newest && change({ strokes: [], loaded }, 0),
      (error) => complain(error.message),
    );
  };
  const onDraw = (stroke) => {
    sheet.stroke = stroke;
    refresh();
  };
  const onEnd = (stroke) => change(withStroke(sheet.drawing, stroke));
  listen(page.board, () => Number(page.pen.value), { onDraw, onEnd });
  listenForFiles(page.file, load, complain);
  page.undo.addEventListener("click", undo);
  page.clear.addEventListener("click", clear);
  listenForKeys(undo, clear);
}

function listenForKeys(undo, clear) {
  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const isCommand = event.ctrlKey || event.metaKey;
    const isUndo = isCommand ? key === "z" && !event.shiftKey : key === "u" && !event.altKey;
    const isClear = !isCommand && (key === "escape" || key === "delete");
    if (!isUndo && !isClear) return;
    event.preventDefault();
    (isUndo ? undo : clear)();
  });
}

if (typeof document !== "undefined") start();
