/** Pictures that are chosen, dropped or pasted. */

/**
 * @param {HTMLInputElement} input Of type file.
 * @param {(file: File) => void} onFile
 * @param {(sentence: string) => void} onNone Told when what came holds no file.
 */
export function listenForFiles(input, onFile, onNone) {
  input.addEventListener("change", () => {
    if (input.files.length) onFile(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer, "what was dropped is no picture file");
  });
  document.addEventListener("paste", (event) => take(event.clipboardData, "the clipboard holds no picture"));

  function take(transfer, otherwise) {
    if (transfer?.files.length) onFile(transfer.files[0]);
    else onNone(otherwise);
  }
}
