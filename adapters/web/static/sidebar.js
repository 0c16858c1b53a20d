/** Rooms, people, oneself; on a narrow screen a drawer. */

import { find, make } from "./dom.js";

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
    find("sidebar").addEventListener("keydown", (event) => event.key === "Escape" && this.#drawer(false));
  }

  draw() {
    const rooms = [...this.#state.rooms.values()];
    find("brand").textContent = this.#state.bot;
    find("me").textContent = this.#state.me?.name ?? "";
    find("direct-rooms").replaceChildren(...rooms.filter((room) => room.direct).map((room) => this.#room(room, "●")));
    find("shared-rooms").replaceChildren(...rooms.filter((room) => !room.direct).map((room) => this.#room(room, "#")));
    const people = [...this.#state.people.values()].sort(
      (one, other) => other.online - one.online || one.name.localeCompare(other.name),
    );
    find("people").replaceChildren(
      ...people.map((person) => make("li", { className: person.online ? "online" : "", textContent: person.name })),
    );
    const total = [...this.#state.unread.values()].reduce((sum, count) => sum + count, 0);
    document.title = total ? `(${total}) ${this.#state.bot}` : this.#state.bot;
  }

  #room(room, sign) {
    const unread = this.#state.unread.get(room.id);
    const button = make(
      "button",
      { onclick: () => this.#open(room.id), data: { testid: `room-${room.id}` } },
      make("span", { className: "sign", ariaHidden: "true", textContent: sign }),
      make("span", { textContent: room.direct ? this.#state.bot : room.name }),
      unread ? make("span", { className: "badge", textContent: String(unread) }) : null,
    );
    if (room.id === this.#state.current) button.setAttribute("aria-current", "true");
    return make("li", {}, button);
  }

  #open(room) {
    this.#drawer(false);
    this.#actions.open(room);
  }

  #drawer(isOpen) {
    find("sidebar").classList.toggle("open", isOpen);
    find("shade").hidden = !isOpen;
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
  }

  #create(event) {
    event.preventDefault();
    const name = find("room-name").value.trim();
    if (name) this.#actions.create(name);
    this.#hideForm();
  }
}
