/** Completion while typing: `/` commands at the start, `@` names anywhere; arrows, Enter, Tab, Esc. */

import { find, make } from "./dom.js";

export class Completion {
  #state;
  #field;
  #list = find("completion");
  #options = [];
  #chosen = 0;
  #span = [0, 0];

  constructor(state, field) {
    this.#state = state;
    this.#field = field;
    field.addEventListener("input", () => this.update());
    field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  /** Take a key that belongs to the open list; true if it did. */
  takeKey(event) {
    if (!this.isOpen) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#choose((this.#chosen + step + this.#options.length) % this.#options.length);
    else if (event.key === "Tab" || (event.key === "Enter" && !this.#isWhole())) this.#insert();
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  update() {
    const { value, selectionStart } = this.#field;
    const typed = value.slice(0, selectionStart);
    const command = /^\/(\S*)$/.exec(typed);
    const mention = /(?:^|\s)@(\S*)$/.exec(typed);
    if (command) this.#show(this.#commands(command[1]), 0, selectionStart);
    else if (mention) this.#show(this.#names(mention[1]), selectionStart - mention[1].length - 1, selectionStart);
    else this.close();
  }

  close() {
    this.#list.hidden = true;
    this.#field.setAttribute("aria-expanded", "false");
    this.#field.removeAttribute("aria-activedescendant");
  }

  #commands(start) {
    return this.#state.commands
      .filter((command) => command.name.startsWith(start.toLowerCase()))
      .map(({ name, arguments: rest, help }) => ({ text: `/${name}${rest ? " " : ""}`, label: `/${name} ${rest}`, help }));
  }

  #names(start) {
    const names = [this.#state.bot, ...[...this.#state.people.values()].map((person) => person.name)];
    return names
      .filter((name) => name.toLowerCase().startsWith(start.toLowerCase()))
      .map((name) => ({ text: `@${name} `, label: `@${name}`, help: "" }));
  }

  #show(options, start, end) {
    if (options.length === 0) return this.close();
    this.#options = options;
    this.#span = [start, end];
    this.#list.replaceChildren(
      ...options.map((option, index) =>
        make(
          "li",
          { id: `option-${index}`, role: "option", onmousedown: (event) => this.#pick(event, index) },
          make("b", { textContent: option.label }),
          make("span", { textContent: option.help }),
        ),
      ),
    );
    this.#list.hidden = false;
    this.#field.setAttribute("aria-expanded", "true");
    this.#choose(0);
  }

  #choose(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    this.#list.children[index].scrollIntoView({ block: "nearest" });
    this.#field.setAttribute("aria-activedescendant", `option-${index}`);
  }

  #pick(event, index) {
    event.preventDefault();
    this.#chosen = index;
    this.#insert();
  }

  #isWhole() {
    const { value } = this.#field;
    return value.slice(...this.#span).trim() === this.#options[this.#chosen].text.trim();
  }

  #insert() {
    const [start, end] = this.#span;
    this.#field.setRangeText(this.#options[this.#chosen].text, start, end, "end");
    this.close();
    this.#field.focus();
    this.#field.dispatchEvent(new Event("input"));
  }
}
