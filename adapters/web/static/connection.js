/**
 * The WebSocket: connects again by itself, and keeps each action until the page acknowledged it.
 * Actions wait in localStorage, so that a crash of the bot or of the tab loses none; they carry
 * ids of their own, so that one sent twice counts once.
 */

import { Kept } from "./kept.js";

const SIGNED_OUT = 4001;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 8000;
const PATIENCE_MS = 10_000; // for an acknowledgement, before the line counts as dead
const MAX_FRAME_BYTES = 900_000; // the server closes the line at 1,000,000
const MAX_TEXT_CHARS = 400_000; // see adapters/web/wire.py

export class Connection {
  #socket = null;
  #pause = FIRST_PAUSE_MS;
  #timer = 0;
  #watch = 0;
  #kept;
  #person;
  #handlers;

  /** @param handlers {onFrame(frame, action), onState(state), seq()} */
  constructor(person, handlers) {
    this.#person = person;
    this.#kept = new Kept(`parley.waiting.${person}`, []);
    this.#handlers = handlers;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.#connect();
  }

  /** Do something that must not be lost; its id, or nothing if it is too long to be sent. */
  act(action) {
    const whole = { ...action, id: newId() };
    const bytes = new TextEncoder().encode(JSON.stringify(whole)).length;
    if (bytes > MAX_FRAME_BYTES || (action.text ?? "").length > MAX_TEXT_CHARS) return null;
    this.#kept.value = [...this.waiting(), whole];
    this.#send(whole);
    this.#expectAnswer();
    return whole.id;
  }

  /** Ask for something that can be asked again. */
  ask(question) {
    this.#send(question);
  }

  /** The actions that are not acknowledged yet. */
  waiting() {
    return this.#kept.value;
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #connect() {
    clearTimeout(this.#timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = new URLSearchParams({ as: this.#person, after: this.#handlers.seq() });
    const socket = new WebSocket(`${scheme}://${location.host}/page/live?${query}`);
    this.#socket = socket;
    socket.onmessage = (message) => this.#take(JSON.parse(message.data));
    socket.onclose = (event) => this.#socket === socket && this.#closed(event.code);
  }

  #take(frame) {
    const action = this.#answered(frame);
    if (frame.is === "welcome") this.#handlers.onState("open");
    this.#handlers.onFrame(frame, action);
    if (frame.is === "welcome") {
      this.waiting().forEach((each) => this.#send(each));
      this.#expectAnswer();
    }
  }

  /** The action that a frame answers; it waits no longer. */
  #answered(frame) {
    if (frame.is !== "taken" && frame.is !== "refused") return null;
    this.#pause = FIRST_PAUSE_MS;
    clearTimeout(this.#watch);
    const waiting = this.waiting();
    this.#kept.value = waiting.filter((action) => action.id !== frame.id);
    this.#expectAnswer();
    return waiting.find((action) => action.id === frame.id) ?? null;
  }

  /** A line on which nothing comes back is dead, whatever the browser believes. */
  #expectAnswer() {
    clearTimeout(this.#watch);
    if (this.waiting().length === 0) return;
    this.#watch = setTimeout(() => this.#socket && this.#giveUp(), PATIENCE_MS);
  }

  #giveUp() {
    this.#socket.onclose = null;
    this.#socket.close();
    this.#closed(0);
  }

  #closed(code) {
    this.#socket = null;
    clearTimeout(this.#watch);
    if (code === SIGNED_OUT) return this.#handlers.onState("signedOut");
    this.#handlers.onState("reconnecting");
    this.#timer = setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 1.7, LONGEST_PAUSE_MS);
  }

  /** There is reason to believe that it works now. */
  #hurry() {
    this.#pause = FIRST_PAUSE_MS;
    if (this.#socket === null) this.#connect();
  }
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // a page that is not on loopback
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
