/** The message field: grows with its text, sends on Enter, edits and replies, stops on Esc. */

import { Completion } from "./completion.js";
import { find } from "./dom.js";
import { texts } from "./texts.js";

export class Composer {
  #state;
  #actions;
  #field = find("composer");
  #completion;
  #editing = null;
  #replying = null;
  #drafts = new Map();
  #room = "";

  /** @param actions {say, change, stop, lastOwn} */
  constructor(state, actions) {
    this.#state = state;
    this.#actions = actions;
    this.#completion = new Completion(state, this.#field);
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("input", () => this.#grow());
    find("say").addEventListener("submit", (event) => this.#submit(event));
    find("stop").addEventListener("click", () => {
      actions.stop();
      this.#field.focus();
    });
    find("context").querySelector("button").addEventListener("click", () => this.#leave());
  }

  /** Another room is open: its own draft comes back. */
  open(room) {
    this.#drafts.set(this.#room, this.#field.value);
    this.#room = room.id;
    this.#leave();
    this.#set(this.#drafts.get(room.id) ?? "");
    this.#field.placeholder = room.direct ? texts.writeDirect(this.#state.bot) : texts.writeTo(`#${room.name}`);
    this.#field.setAttribute("aria-label", this.#field.placeholder);
    if (matchMedia("(hover: hover)").matches) this.#field.focus();
  }

  /** Show the Stop button while an answer grows. */
  showStop(isShown) {
    find("stop").hidden = !isShown;
  }

  reply(post) {
    this.#leave();
    this.#replying = post;
    this.#showContext(`${texts.replyingTo(post.name)}: ${post.text}`);
  }

  edit(post) {
    this.#leave();
    this.#editing = post;
    this.#set(post.text);
    this.#showContext(texts.editing);
  }

  #key(event) {
    if (event.isComposing || this.#completion.takeKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey) return this.#submit(event);
    if (event.key === "Escape") return this.#escape();
    if (event.key === "ArrowUp" && !this.#field.value) {
      const post = this.#actions.lastOwn();
      if (post) {
        event.preventDefault();
        this.edit(post);
      }
    }
  }

  #escape() {
    if (this.#editing || this.#replying) this.#leave();
    else if (!find("stop").hidden) this.#actions.stop();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (!text) return;
    if (this.#editing) this.#actions.change(this.#editing, text);
    else this.#actions.say(text, this.#replying?.id ?? "");
    this.#editing = null;
    this.#set("");
    this.#leave();
  }

  #leave() {
    if (this.#editing) this.#set("");
    this.#editing = this.#replying = null;
    find("context").hidden = true;
    this.#completion.close();
  }

  #showContext(text) {
    find("context").hidden = false;
    find("context").querySelector("span").textContent = text;
    this.#field.focus();
  }

  #set(text) {
    this.#field.value = text;
    this.#grow();
  }

  #grow() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
    find("send").disabled = !this.#field.value.trim();
  }
}
