/** What the page says about itself: the notice above the messages, the line's state, short words. */

import { find } from "./dom.js";
import { Kept } from "./kept.js";
import { texts } from "./texts.js";

const SAID_MS = 6000;
let ending = 0;

/** Say something for a moment, to eyes and ears. */
export function toast(text) {
  const place = find("toast");
  place.textContent = text;
  clearTimeout(ending);
  ending = setTimeout(() => (place.textContent = ""), SAID_MS);
}

export function showLink(link) {
  find("link-state").textContent = link === "open" ? "" : texts.reconnecting;
}

/** The bot's own notice, until it is dismissed. */
export function showNotice(text) {
  const bar = find("notice");
  const dismissed = new Kept("parley.notice", "", sessionStorage);
  bar.querySelector("span").textContent = text;
  bar.hidden = !text || dismissed.value === text;
  bar.querySelector("button").onclick = () => {
    dismissed.value = text;
    bar.hidden = true;
  };
}
