/** The messages of the open room: in order, only what changed drawn anew, scrolled as expected. */

import { find, make } from "./dom.js";
import { Kept } from "./kept.js";
import { buildMessage, buildPreview, showPreview } from "./message.js";
import { language, texts } from "./texts.js";

const NEAR_BOTTOM_PX = 80;
const NEAR_TOP_PX = 400;
const GROUP_MS = 5 * 60 * 1000;
const RATINGS = 300;

const calendar = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });

export class Posts {
  #state;
  #actions;
  #list = find("list");
  #box = find("messages");
  #elements = new Map();
  /** How far down the reader was at the end; Infinity for who reads further up. */
  #end = 0;
  #asked = "";
  #ratings;

  /** @param actions {reply, edit, remove, press, react, history, suggest, leave} */
  constructor(state, person, actions) {
    this.#state = state;
    this.#actions = { ...actions, rate: (post, emoji) => this.#rate(post, emoji) };
    this.#ratings = new Kept(`parley.ratings.${person}`, []);
    this.#box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    find("newer").addEventListener("click", () => this.toBottom());
    const resized = new ResizeObserver(() => this.#follows() && this.toBottom());
    resized.observe(this.#list);
    resized.observe(this.#box);
  }

  /** Show the open room, from its newest message. */
  open() {
    this.#elements.clear();
    this.#list.replaceChildren();
    this.#end = 0;
    this.resume();
    this.toBottom();
  }

  /** Go on after the line was down: what was asked for then may never come. */
  resume() {
    this.#asked = "";
    if (!this.#state.complete.has(this.#state.current)) this.#ask(null);
    this.draw();
  }

  /** Bring the list up to date with the state. */
  draw() {
    const follows = this.#follows();
    const anchor = this.#anchor();
    this.#arrange(this.#wanted());
    const element = anchor && this.#elements.get(anchor.id)?.element;
    if (follows) this.toBottom();
    else if (element) this.#box.scrollTop += element.offsetTop + element.offsetHeight - anchor.bottom;
  }

  /** Bring one growing answer up to date. */
  drawPreview(key) {
    const preview = this.#state.previews.get(key);
    const known = this.#elements.get(`preview ${key}`);
    if (preview && known?.element.isConnected) return showPreview(known.element, preview);
    this.draw();
    if (preview) this.#say(texts.isWriting(this.#state.bot));
  }

  /** A message came: tell those who read further up, and those who listen. */
  announce(post) {
    if (post.removed) return this.#say(texts.removed);
    if (post.author === this.#state.me.id) return;
    if (!this.#follows()) find("newer").hidden = false;
    const text = make("div", { innerHTML: post.html }).textContent;
    this.#say(`${post.name}: ${post.file || text}`);
  }

  /** The older messages that were asked for came. */
  historyCame() {
    this.#asked = "";
    this.draw();
    this.#scrolled();
  }

  toBottom() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#end = this.#box.scrollTop;
    find("newer").hidden = true;
  }

  /** The newest own message that can be edited. */
  lastOwn() {
    return this.#state
      .postsIn(this.#state.current)
      .findLast((post) => post.author === this.#state.me.id && !post.removed && !post.sending && !post.file);
  }

  #wanted() {
    const room = this.#state.current;
    const posts = this.#state.postsIn(room).filter((post) => !post.removed);
    const previews = new Map(this.#state.previewsIn(room).map((one) => [one.key, one]));
    const newest = posts.findLast((post) => post.ratable)?.id;
    const wanted = [];
    let before = null;
    for (const post of posts) {
      if (dayOf(post) !== (before && dayOf(before))) wanted.push(this.#day(post));
      const preview = previews.get(post.id);
      previews.delete(post.id);
      wanted.push(preview ? this.#preview(preview, before) : this.#post(post, before, newest));
      before = post;
    }
    for (const preview of previews.values()) wanted.push(this.#preview(preview, before));
    if (wanted.length === 0 && this.#state.complete.get(room)) wanted.push(this.#empty());
    return wanted;
  }

  /** Put the elements in their order; the Tab key reaches the newest, until another has the focus. */
  #arrange(wanted) {
    const focused = document.activeElement.closest("#list .message");
    const beside = [focused?.nextElementSibling, focused?.previousElementSibling];
    let place = this.#list.firstChild;
    for (const element of wanted) {
      if (element === place) place = place.nextSibling;
      else this.#list.insertBefore(element, place);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
    const kept = new Set(wanted);
    for (const [key, { element }] of this.#elements) if (!kept.has(element)) this.#elements.delete(key);
    if (!this.#list.contains(document.activeElement)) this.#reach(this.#messages().at(-1));
    if (focused && !focused.isConnected) this.#focus(beside.find((one) => one?.matches("#list .message")));
  }

  #reuse(key, version, build) {
    const known = this.#elements.get(key);
    if (known?.version === version) return known.element;
    const element = build();
    if (known?.element.contains(document.activeElement)) queueMicrotask(() => element.focus());
    this.#elements.set(key, { version, element });
    return element;
  }

  #post(post, before, newestAnswer) {
    const first = startsGroup(post, before);
    const newest = newestAnswer === post.id;
    const rating = this.#ratingOf(post);
    const isQuoteKnown = this.#state.posts.has(post.reply_to);
    const version = [post.seq, first, newest, rating, post.sending, isQuoteKnown].join();
    const how = { first, newest, rating, state: this.#state, actions: this.#actions, goTo: (id) => this.#goTo(id) };
    return this.#reuse(post.id, version, () => buildMessage(post, how));
  }

  #preview(preview, before) {
    const first = !before || before.author !== "" || !this.#state.rooms.get(preview.room).direct;
    const element = this.#reuse(`preview ${preview.key}`, String(first), () => buildPreview(this.#state.bot, first));
    showPreview(element, preview);
    return element;
  }

  #day(post) {
    const day = dayOf(post);
    const name = dayName(post);
    return this.#reuse(`day ${day}`, name, () => make("li", { className: "day", textContent: name }));
  }

  #empty() {
    const room = this.#state.rooms.get(this.#state.current);
    const { title, text, ideas } = room.direct ? texts.emptyDirect(this.#state.bot) : texts.emptyRoom(this.#state.bot);
    return this.#reuse("empty", room.id, () =>
      make(
        "li",
        { className: "empty" },
        make("h2", { textContent: title }),
        make("p", { textContent: text }),
        make(
          "div",
          { className: "ideas" },
          ...ideas.map((idea) =>
            make("button", { type: "button", textContent: idea, onclick: () => this.#actions.suggest(idea) }),
          ),
        ),
      ),
    );
  }

  #rate(post, emoji) {
    this.#actions.react(post, emoji);
    const others = this.#ratings.value.filter(([id]) => id !== post.id);
    this.#ratings.value = [...others, [post.id, emoji]].slice(-RATINGS);
    this.draw();
  }

  #ratingOf(post) {
    return post.author ? "" : (this.#ratings.value.find(([id]) => id === post.id)?.[1] ?? "");
  }

  #goTo(id) {
    const element = this.#elements.get(id)?.element;
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  }

  /** The first message in view, to keep its end where it is while others come above it. */
  #anchor() {
    const bottomOf = (one) => one.offsetTop + one.offsetHeight;
    const element = this.#messages().find((one) => one.dataset.postId && bottomOf(one) > this.#box.scrollTop);
    return element && { id: element.dataset.postId, bottom: bottomOf(element) };
  }

  #scrolled() {
    if (this.#follows()) find("newer").hidden = true;
    const room = this.#state.current;
    const mayHaveOlder = this.#state.complete.get(room) === false;
    if (this.#box.scrollTop < NEAR_TOP_PX && mayHaveOlder) this.#ask(this.#state.postsIn(room)[0]?.order ?? null);
  }

  /** Whether the reader is at the end still. Looked up, for the event that tells of a scroll comes late. */
  #follows() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    if (scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX) this.#end = scrollTop;
    else if (scrollTop < this.#end) this.#end = Infinity;
    return scrollTop >= this.#end;
  }

  /** Tell those who listen. */
  #say(text) {
    find("live").textContent = text;
  }

  #ask(before) {
    const room = this.#state.current;
    if (this.#asked === room) return;
    this.#asked = room;
    this.#actions.history(room, before);
  }

  #messages() {
    return [...this.#list.querySelectorAll(".message")];
  }

  #reach(message) {
    for (const other of this.#list.querySelectorAll(".message[tabindex='0']")) other.tabIndex = -1;
    if (message) message.tabIndex = 0;
  }

  /** Arrows go from message to message and along the buttons of one; Escape leaves. */
  #key(event) {
    const message = event.target.closest(".message");
    if (!message || event.target.isContentEditable) return;
    const messages = this.#messages();
    const at = messages.indexOf(message);
    const next = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: messages.length - 1 }[event.key];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (next !== undefined) this.#focus(messages[next]);
    else if (step) focusTool(message, step);
    else if (event.key === "Escape") this.#actions.leave();
    else return;
    event.preventDefault();
  }

  #focus(message) {
    if (!message) return;
    this.#reach(message);
    message.focus();
  }
}

function focusTool(message, step) {
  const buttons = [...message.querySelectorAll(".tools button, .text a, .code .copy")];
  const at = buttons.indexOf(document.activeElement);
  buttons[Math.min(Math.max(at + step, 0), buttons.length - 1)]?.focus();
}

function startsGroup(post, before) {
  if (!before || before.author !== post.author || post.reply_to || dayOf(before) !== dayOf(post)) return true;
  return new Date(post.at) - new Date(before.at) > GROUP_MS;
}

const dayOf = (post) => new Date(post.at).toDateString();

function dayName(post) {
  const now = new Date();
  const day = dayOf(post);
  if (day === now.toDateString()) return texts.today;
  now.setDate(now.getDate() - 1);
  return day === now.toDateString() ? texts.yesterday : calendar.format(new Date(post.at));
}
