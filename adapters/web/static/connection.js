/**
 * The WebSocket: connects again by itself, and keeps each action until the page acknowledged it.
 * Actions wait in localStorage, so that a crash of the bot or of the tab loses none; they carry
 * ids of their own, so that one sent twice counts once.
 */

const SIGNED_OUT = 4001;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 8000;

export class Connection {
  #socket = null;
  #pause = FIRST_PAUSE_MS;
  #key;
  #person;
  #handlers;

  /** @param handlers {onFrame, onState(state), seq()} */
  constructor(person, handlers) {
    this.#person = person;
    this.#key = `parley.waiting.${person}`;
    this.#handlers = handlers;
    this.#connect();
    addEventListener("online", () => this.#socket === null && this.#connect());
  }

  /** Do something that must not be lost; its id. */
  act(action) {
    const kept = { ...action, id: action.id ?? newId() };
    this.#keep([...this.waiting(), kept]);
    this.#send(kept);
    return kept.id;
  }

  /** Ask for something that can be asked again. */
  ask(question) {
    this.#send(question);
  }

  /** The actions that are not acknowledged yet. */
  waiting() {
    return JSON.parse(localStorage.getItem(this.#key) ?? "[]");
  }

  #keep(actions) {
    localStorage.setItem(this.#key, JSON.stringify(actions));
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = new URLSearchParams({ as: this.#person, after: this.#handlers.seq() });
    const socket = new WebSocket(`${scheme}://${location.host}/page/live?${query}`);
    this.#socket = socket;
    socket.onmessage = (message) => this.#take(JSON.parse(message.data));
    socket.onclose = (event) => this.#closed(event.code);
  }

  #take(frame) {
    if (frame.is === "welcome") {
      this.#pause = FIRST_PAUSE_MS;
      this.#handlers.onState("open");
    }
    if (frame.is === "taken" || frame.is === "refused") {
      this.#keep(this.waiting().filter((action) => action.id !== frame.id));
    }
    this.#handlers.onFrame(frame);
    if (frame.is === "welcome") this.waiting().forEach((action) => this.#send(action));
  }

  #closed(code) {
    this.#socket = null;
    if (code === SIGNED_OUT) return this.#handlers.onState("signedOut");
    this.#handlers.onState("reconnecting");
    setTimeout(() => this.#socket === null && this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 1.7, LONGEST_PAUSE_MS);
  }
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // a page that is not on loopback
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
