/** What the tab knows: people, rooms, posts and growing answers. Listeners hear what changed. */

export class State {
  me = null;
  bot = "";
  notice = "";
  commands = [];
  people = new Map();
  rooms = new Map();
  posts = new Map();
  previews = new Map();
  unread = new Map();
  complete = new Map();
  current = "";
  seq = 0;
  #listeners = [];

  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** Take a frame in; see adapters/web/wire.py for the vocabulary. */
  take(frame) {
    switch (frame.is) {
      case "welcome": return this.#welcome(frame);
      case "history": return this.#history(frame);
      case "post": return this.#post(frame.post);
      case "preview": return this.#preview(frame);
      case "person":
        this.people.set(frame.person.id, frame.person);
        return this.#tell("people");
      case "room":
        this.rooms.set(frame.room.id, { ...frame.room });
        return this.#tell("rooms");
      case "refused":
        this.posts.delete(frame.id);
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
    this.unread.delete(room);
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
    this.#tell("welcome");
  }

  #history({ room, posts, more }) {
    this.complete.set(room, !more);
    for (const post of posts) this.#keep(post);
    this.#tell("history", { room });
  }

  #post(post) {
    const isNew = !this.posts.has(post.id) && !post.removed;
    this.#keep(post);
    this.previews.delete(post.id);
    if (isNew && post.room !== this.current && post.author !== this.me?.id) {
      this.unread.set(post.room, (this.unread.get(post.room) ?? 0) + 1);
    }
    this.#tell("post", post);
  }

  #keep(post) {
    this.posts.set(post.id, post);
    this.seq = Math.max(this.seq, post.seq);
  }

  #preview(frame) {
    if (frame.gone) {
      this.previews.delete(frame.key);
    } else {
      const before = this.previews.get(frame.key) ?? { key: frame.key, room: frame.room, blocks: [] };
      const blocks = frame.blocks ? [...before.blocks.slice(0, frame.from), ...frame.blocks] : before.blocks;
      this.previews.set(frame.key, { ...before, blocks, wait: frame.wait ?? null });
    }
    this.#tell("preview", frame);
  }

  #tell(what, detail) {
    for (const listener of this.#listeners) listener(what, detail);
  }
}
