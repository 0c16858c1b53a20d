/** Rooms, people, oneself; on a narrow screen a drawer. */

import { avatar, find, make } from "./dom.js";
import { texts } from "./texts.js";

export class Sidebar {
  #state;
  #actions;

  /** @param actions {open, create, switchPerson} */
  constructor(state, actions) {
    this.#state = state;
    this.#actions = actions;
    find("new-room").addEventListener("click", () => this.#showForm());
    find("room-form").addEventListener("submit", (event) => this.#create(event));
    find("room-name").addEventListener("keydown", (event) => event.key === "Escape" && this.#hideForm());
    find("switch").addEventListener("click", () => actions.switchPerson());
    find("drawer").addEventListener("click", () => this.#drawer(true));
    find("shade").addEventListener("click", () => this.#drawer(false));
    find("sidebar").addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  draw() {
    const rooms = [...this.#state.rooms.values()];
    const me = this.#state.me;
    find("brand").textContent = this.#state.bot;
    find("me").replaceChildren(...(me ? [avatar(me.id, me.name), make("span", { className: "name", textContent: me.name })] : []));
    this.#fill("direct-rooms", rooms.filter((room) => room.direct));
    this.#fill("shared-rooms", rooms.filter((room) => !room.direct));
    const people = [...this.#state.people.values()].sort(
      (one, other) => other.online - one.online || one.name.localeCompare(other.name),
    );
    find("people").replaceChildren(...people.map(buildPerson));
    const total = [...this.#state.unread.values()].reduce((sum, count) => sum + count, 0);
    document.title = total ? `(${total}) ${this.#state.bot}` : this.#state.bot;
  }

  /** Draw a list of rooms; the focus stays where it was. */
  #fill(id, rooms) {
    const list = find(id);
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.testid;
    list.replaceChildren(...rooms.map((room) => this.#room(room)));
    if (focused) list.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
  }

  #room(room) {
    const unread = this.#state.unread.get(room.id);
    const name = room.direct ? this.#state.bot : room.name;
    const button = make(
      "button",
      { type: "button", onclick: () => this.#open(room.id), data: { testid: `room-${room.id}` } },
      room.direct ? avatar("", name) : make("span", { className: "sign", ariaHidden: "true", textContent: "#" }),
      make("span", { className: "name", textContent: name }),
      unread === undefined ? null : make("span", { className: "badge", textContent: unread ? String(unread) : "•" }),
      unread === undefined ? null : unseen(texts.newer),
    );
    if (unread !== undefined) button.classList.add("unread");
    if (room.id === this.#state.current) button.setAttribute("aria-current", "true");
    return make("li", {}, button);
  }

  #open(room) {
    this.#drawer(false);
    this.#actions.open(room);
  }

  #close() {
    if (find("shade").hidden) return;
    this.#drawer(false);
    find("drawer").focus();
  }

  #drawer(isOpen) {
    find("sidebar").classList.toggle("open", isOpen);
    find("shade").hidden = !isOpen;
    find("talk").inert = isOpen;
    find("drawer").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) find("sidebar").querySelector(".rooms button")?.focus();
  }

  #showForm() {
    find("room-form").hidden = false;
    find("room-name").focus();
  }

  #hideForm() {
    find("room-form").hidden = true;
    find("room-name").value = "";
    find("new-room").focus();
  }

  #create(event) {
    event.preventDefault();
    const name = find("room-name").value.trim();
    this.#hideForm();
    if (name) this.#actions.create(name);
  }
}

function buildPerson(person) {
  return make(
    "li",
    { className: person.online ? "online" : "" },
    avatar(person.id, person.name),
    make("span", { className: "name", textContent: person.name }),
    person.online ? unseen(texts.online) : null,
  );
}

/** What eyes see by a sign, for everybody else. */
const unseen = (text) => make("span", { className: "unseen", textContent: text });
