/** What the tab knows: people, rooms, posts and growing answers. Listeners hear what changed. */

import { Kept } from "./kept.js";

const TYPING_MS = 6000;

export class State {
  me = null;
  bot = "";
  notice = "";
  commands = [];
  people = new Map();
  rooms = new Map();
  posts = new Map();
  previews = new Map();
  unread = new Map(); // room to number, or to 0 where there is something and nobody counted
  complete = new Map(); // room to whether its first post is here; not there before any history is
  current = "";
  seq = 0;
  #listeners = [];
  #seen;

  constructor(person) {
    this.#seen = new Kept(`parley.seen.${person}`, null);
    document.addEventListener("visibilitychange", () => document.hidden || this.#see(this.current));
  }

  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** Take a frame in; see adapters/web/wire.py for the vocabulary. */
  take(frame) {
    switch (frame.is) {
      case "welcome": return this.#welcome(frame);
      case "stale": return this.#stale();
      case "history": return this.#history(frame);
      case "post": return this.#post(frame.post);
      case "preview": return this.#preview(frame);
      case "typing": return this.#typing(frame.room);
      case "person":
        this.people.set(frame.person.id, frame.person);
        return this.#tell("people");
      case "room":
        this.rooms.set(frame.room.id, frame.room);
        return this.#tell("rooms");
      case "refused":
        if (this.posts.get(frame.id)?.sending) this.posts.delete(frame.id);
        return this.#tell("refused", frame);
    }
  }

  /** Show an own message before the page has it. */
  expect(post) {
    if (!this.posts.has(post.id)) this.posts.set(post.id, post);
    this.#tell("post", this.posts.get(post.id));
  }

  open(room) {
    this.current = room;
    this.#see(room);
    this.#tell("room");
  }

  /** A room's posts in order; those that are being sent come last. */
  postsIn(room) {
    return [...this.posts.values()]
      .filter((post) => post.room === room)
      .sort((one, other) => one.order - other.order);
  }

  previewsIn(room) {
    return [...this.previews.values()].filter((preview) => preview.room === room);
  }

  directRoom() {
    return [...this.rooms.values()].find((room) => room.direct);
  }

  #welcome({ me, bot, notice, rooms, people, commands }) {
    Object.assign(this, { me, bot, notice, commands });
    this.rooms = new Map(rooms.map((room) => [room.id, room]));
    this.people = new Map(people.map((person) => [person.id, person]));
    this.previews.clear(); // those that still grow are sent again
    this.#seen.value ??= Object.fromEntries(rooms.map(({ id, newest }) => [id, newest]));
    for (const { id, newest } of rooms) {
      if (newest > (this.#seen.value[id] ?? 0) && !this.unread.has(id)) this.unread.set(id, 0);
    }
    this.#tell("welcome");
  }

  #stale() {
    this.posts.clear();
    this.complete.clear();
    this.seq = 0;
    this.#tell("stale");
  }

  #history({ room, posts, more }) {
    this.complete.set(room, !more);
    for (const post of posts) this.#keep(post);
    if (room === this.current) this.#see(room);
    this.#tell("history", { room });
  }

  #post(post) {
    const isNew = !this.posts.has(post.id) && !post.removed && post.order > this.#newest(post.room);
    this.#keep(post);
    this.previews.delete(post.id);
    if (!post.author) this.previews.delete(typingIn(post.room));
    if (isNew && post.author !== this.me?.id) {
      this.unread.set(post.room, (this.unread.get(post.room) ?? 0) + 1);
    }
    if (post.room === this.current) this.#see(post.room);
    this.#tell("post", post);
  }

  #keep(post) {
    this.posts.set(post.id, post);
    this.seq = Math.max(this.seq, post.seq);
    const room = this.rooms.get(post.room);
    if (room) room.newest = Math.max(room.newest, post.order);
  }

  #newest(room) {
    return this.rooms.get(room)?.newest ?? 0;
  }

  /** What is shown to someone who looks is read. */
  #see(room) {
    if (document.hidden || !room) return;
    this.#seen.value = { ...this.#seen.value, [room]: this.#newest(room) };
    if (this.unread.delete(room)) this.#tell("people");
  }

  #preview(frame) {
    this.previews.delete(typingIn(frame.room));
    if (frame.gone) {
      this.previews.delete(frame.key);
    } else {
      const before = this.previews.get(frame.key) ?? { key: frame.key, room: frame.room, blocks: [] };
      const blocks = frame.blocks ? [...before.blocks.slice(0, frame.from), ...frame.blocks] : before.blocks;
      this.previews.set(frame.key, { ...before, blocks, wait: frame.wait ?? null });
    }
    this.#tell("preview", frame);
  }

  #typing(room) {
    const preview = { key: typingIn(room), room, blocks: [], wait: null };
    this.previews.set(preview.key, preview);
    this.#tell("preview", preview);
    setTimeout(() => {
      if (this.previews.get(preview.key) !== preview) return;
      this.previews.delete(preview.key);
      this.#tell("preview", preview);
    }, TYPING_MS);
  }

  #tell(what, detail) {
    for (const listener of this.#listeners) listener(what, detail);
  }
}

const typingIn = (room) => `typing ${room}`;
