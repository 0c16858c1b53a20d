/** Text to the clipboard, said on the button that was pressed. */

import { icon } from "./icons.js";
import { texts } from "./texts.js";

const SAID_MS = 1400;

export async function copy(text, button) {
  const isDone = await toClipboard(text);
  if (!isDone) return;
  const before = [...button.childNodes];
  button.replaceChildren(icon("done"));
  button.setAttribute("aria-label", texts.copied);
  setTimeout(() => {
    button.replaceChildren(...before);
    button.setAttribute("aria-label", texts.copy);
  }, SAID_MS);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return byHand(text); // outside loopback and https there is no clipboard
  }
}

function byHand(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const isDone = document.execCommand("copy");
  field.remove();
  return isDone;
}
