/** The message field: grows with its text, sends on Enter, edits and replies, stops on Esc. */

import { Completion } from "./completion.js";
import { find } from "./dom.js";
import { Kept } from "./kept.js";
import { texts } from "./texts.js";

export class Composer {
  #state;
  #actions;
  #field = find("composer");
  #context = find("context");
  #completion;
  #editing = null;
  #replying = null;
  #drafts = new Kept("parley.drafts", {}, sessionStorage);
  #room = "";

  /** @param actions {say, change, stop, lastOwn}; the first two say whether it was taken */
  constructor(state, actions) {
    this.#state = state;
    this.#actions = actions;
    this.#completion = new Completion(state, this.#field);
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("input", () => this.#typed());
    find("say").addEventListener("submit", (event) => this.#submit(event));
    find("stop").addEventListener("click", () => this.#stop());
    this.#context.querySelector("button").addEventListener("click", () => this.#leave());
  }

  /** Another room is open: its own draft comes back. */
  open(room) {
    this.#leave();
    this.#room = room.id;
    this.#field.disabled = false; // before there is a room there is nowhere to write
    this.#set(this.#drafts.value[room.id] ?? "");
    this.#field.placeholder = room.direct ? texts.writeDirect(this.#state.bot) : texts.writeTo(`#${room.name}`);
    this.#field.setAttribute("aria-label", this.#field.placeholder);
    if (matchMedia("(hover: hover)").matches) this.focus();
  }

  focus() {
    this.#field.focus();
  }

  /** Show the Stop button while an answer grows. */
  showStop(isShown) {
    find("stop").hidden = !isShown;
  }

  /** A text to go on from, unless something stands there already. */
  suggest(text) {
    if (!this.#field.value) this.#set(text);
    this.#typed();
    this.focus();
  }

  reply(post) {
    this.#leave();
    this.#replying = post;
    this.#showContext(texts.replyingTo(post.name), post.file || post.text);
  }

  edit(post) {
    this.#leave();
    this.#editing = post;
    this.#set(post.text);
    this.#showContext(texts.editing, "");
  }

  #key(event) {
    if (isComposed(event) || this.#completion.takeKey(event)) return;
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
    else if (!find("stop").hidden) this.#stop();
  }

  #stop() {
    this.#actions.stop();
    this.focus();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (!text) return;
    const isTaken = this.#editing
      ? this.#actions.change(this.#editing, text)
      : this.#actions.say(text, this.#replying?.id ?? "");
    if (!isTaken) return;
    this.#set("");
    this.#leave();
  }

  /** No longer edit or reply; the draft from before an edit comes back. */
  #leave() {
    const wasEditing = this.#editing !== null;
    this.#editing = this.#replying = null;
    this.#context.hidden = true;
    this.#completion.close();
    if (wasEditing) this.#set(this.#drafts.value[this.#room] ?? "");
  }

  #showContext(what, words) {
    this.#context.hidden = false;
    this.#context.querySelector("b").textContent = what;
    this.#context.querySelector("span").textContent = words;
    this.focus();
  }

  #typed() {
    this.#grow();
    this.#keepDraft();
  }

  #set(text) {
    this.#field.value = text;
    this.#grow();
    this.#keepDraft();
  }

  #keepDraft() {
    if (!this.#editing && this.#room) this.#drafts.value = { ...this.#drafts.value, [this.#room]: this.#field.value };
  }

  #grow() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
    find("send").disabled = !this.#field.value.trim();
  }
}

/** Whether a key belongs to an input method; Safari says so by its code only, for it ends first. */
const isComposed = (event) => event.isComposing || event.keyCode === 229;
