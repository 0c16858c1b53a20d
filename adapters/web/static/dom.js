/** Elements without markup strings: text is always text. */

import { icon } from "./icons.js";

export const find = (id) => document.getElementById(id);

/** Make an element: properties, then children (strings become text). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A button that is only an icon, with its label for everybody else. */
export function iconButton(name, label, properties = {}) {
  return make("button", { type: "button", title: label, ariaLabel: label, ...properties }, icon(name));
}

/** Someone's initial on a colour of their own; the bot's is the accent. */
export function avatar(id, name) {
  const initial = [...name.trim()].slice(0, 1).join("").toUpperCase();
  const colour = id ? `hue${hash(id) % HUES}` : "bot";
  return make("span", { className: `avatar ${colour}`, ariaHidden: "true", textContent: initial });
}

const HUES = 6;

function hash(text) {
  let value = 7;
  for (const character of text) value = (value * 31 + character.codePointAt(0)) >>> 0;
  return value;
}
