/** What this browser keeps between visits. A full or forbidden storage is no reason to stop. */

/** A value under a key, in `localStorage` or what is given. */
export class Kept {
  #key;
  #storage;
  #value;

  constructor(key, otherwise, storage = localStorage) {
    this.#key = key;
    this.#storage = storage;
    this.#value = otherwise;
  }

  /** As it is now; another tab may have changed it. */
  get value() {
    try {
      const text = this.#storage.getItem(this.#key);
      if (text !== null) this.#value = JSON.parse(text);
    } catch {
      // what this tab last knew must do
    }
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    try {
      this.#storage.setItem(this.#key, JSON.stringify(value));
    } catch {
      // kept for as long as the tab is open
    }
  }
}
