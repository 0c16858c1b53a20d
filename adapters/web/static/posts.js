/** The messages of the open room: drawn in order, only what changed anew, with their buttons. */

import { find, make } from "./dom.js";
import { language, texts } from "./texts.js";

const NEAR_BOTTOM_PX = 80;
const GROUP_MS = 5 * 60 * 1000;
const HUES = 6;

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });

export class Posts {
  #state;
  #actions;
  #list = find("list");
  #box = find("messages");
  #elements = new Map();
  #sticks = true;
  #asked = "";

  /** @param actions {reply, edit, remove, press, react, history} */
  constructor(state, actions) {
    this.#state = state;
    this.#actions = actions;
    this.#box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#box.addEventListener("click", (event) => this.#clicked(event));
    find("newer").addEventListener("click", () => this.toBottom());
    new ResizeObserver(() => this.#sticks && this.toBottom()).observe(this.#list);
  }

  /** Show the open room, from its newest message. */
  open() {
    this.#elements.clear();
    this.#list.replaceChildren();
    this.#asked = "";
    this.#sticks = true;
    this.#ask();
    this.draw();
    this.toBottom();
  }

  /** Bring the list up to date with the state. */
  draw() {
    const height = this.#box.scrollHeight;
    const posts = this.#state.postsIn(this.#state.current);
    const previews = new Map(this.#state.previewsIn(this.#state.current).map((one) => [one.key, one]));
    const wanted = [];
    let before = null;
    for (const post of posts) {
      if (dayOf(post) !== (before && dayOf(before))) wanted.push(this.#day(post));
      const preview = previews.get(post.id);
      previews.delete(post.id);
      wanted.push(preview ? this.#preview(preview, before) : this.#post(post, before));
      before = post;
    }
    for (const preview of previews.values()) wanted.push(this.#preview(preview, before));
    if (wanted.length === 0) wanted.push(this.#empty());
    this.#arrange(wanted);
    if (this.#sticks) this.toBottom();
    else if (this.#box.scrollTop < 200) this.#box.scrollTop += this.#box.scrollHeight - height;
  }

  /** A message came: tell those who read further up, and those who listen. */
  announce(post) {
    if (!this.#sticks && post.author !== this.#state.me.id) find("newer").hidden = false;
    if (post.author !== this.#state.me.id && !post.removed) {
      const text = make("div", { innerHTML: post.html }).textContent;
      find("live").textContent = `${post.name}: ${text}`;
    }
  }

  /** The older messages that were asked for came. */
  historyCame() {
    this.#asked = "";
    this.draw();
  }

  toBottom() {
    this.#box.scrollTop = this.#box.scrollHeight;
    find("newer").hidden = true;
  }

  /** The newest own message that can be edited. */
  lastOwn() {
    return this.#state
      .postsIn(this.#state.current)
      .findLast((post) => post.author === this.#state.me.id && !post.removed && !post.sending);
  }

  #arrange(wanted) {
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
  }

  #reuse(key, version, build) {
    const known = this.#elements.get(key);
    if (known?.version === version) return known.element;
    const element = build();
    this.#elements.set(key, { version, element });
    return element;
  }

  #post(post, before) {
    const first = startsGroup(post, before);
    const newest = !post.author && this.#newestAnswer() === post.id;
    const version = `${post.seq} ${first} ${newest} ${post.sending ?? ""} ${post.mine ?? ""}`;
    return this.#reuse(post.id, version, () => this.#buildPost(post, first, newest));
  }

  #buildPost(post, first, newest) {
    const classes = ["message", first && "first", post.removed && "removed", post.sending && "sending"];
    const text = make("div", { className: "text" });
    if (post.removed) text.textContent = texts.removed;
    else if (post.file) text.append(make("a", { href: `/page/files/${post.id}`, textContent: `${texts.download}: ${post.file}` }));
    else text.innerHTML = post.html;
    addCopyButtons(text);
    const note = post.sending ? texts.sending : post.edited && post.author && !post.removed ? texts.edited : "";
    return make(
      "li",
      { className: classes.filter(Boolean).join(" "), tabIndex: -1,
        data: { testid: "message", postId: post.id, author: post.author || "bot" } },
      ...(first ? this.#head(post.author, post.name, post.at) : []),
      this.#quote(post),
      text,
      note ? make("span", { className: "note", textContent: note }) : null,
      post.removed || post.sending ? null : this.#tools(post, newest),
    );
  }

  #head(author, name, at) {
    const initials = [...name.trim()].slice(0, 1).join("").toUpperCase();
    const hue = author ? ` hue${hash(author) % HUES}` : " bot";
    const when = at ? make("time", { dateTime: at, textContent: clock.format(new Date(at)) }) : null;
    return [
      make("span", { className: `avatar${hue}`, ariaHidden: "true", textContent: initials }),
      make("div", { className: "who" }, make("span", { textContent: name }), when),
    ];
  }

  #quote(post) {
    const target = post.reply_to && this.#state.posts.get(post.reply_to);
    if (!target || target.removed) return null;
    const button = make("button", { className: "quote", textContent: `${target.name}: ${target.text}` });
    button.onclick = () => this.#elements.get(target.id)?.element.scrollIntoView({ block: "center" });
    return button;
  }

  #tools(post, newest) {
    const bar = make("div", { className: "tools" });
    const add = (text, testid, act, label) => {
      const button = make("button", { textContent: text, data: { testid }, onclick: act });
      if (label) button.setAttribute("aria-label", label);
      bar.append(button);
      return button;
    };
    if (!post.author) {
      for (const [emoji, label] of [["👍", texts.good], ["👎", texts.bad]]) {
        const button = add(emoji, "react", () => this.#rate(post, emoji), label);
        button.setAttribute("aria-pressed", String(post.mine === emoji));
      }
      if (newest) add(texts.retry, "retry", () => this.#actions.press("retry", post.id));
    }
    add(texts.reply, "reply", () => this.#actions.reply(post));
    add(texts.copy, "copy", (event) => copy(post.text, event.currentTarget));
    if (post.author === this.#state.me.id) {
      add(texts.edit, "edit", () => this.#actions.edit(post));
      add(texts.delete, "delete", () => this.#actions.remove(post));
    }
    return bar;
  }

  #rate(post, emoji) {
    post.mine = emoji;
    this.#actions.react(post, emoji);
    this.draw();
  }

  #preview(preview, before) {
    const key = `preview ${preview.key}`;
    const first = !before || before.author !== "";
    const element = this.#reuse(key, String(first), () =>
      make(
        "li",
        { className: `message preview${first ? " first" : ""}`, data: { testid: "preview" } },
        ...(first ? this.#head("", this.#state.bot, "") : []),
        make("div", { className: "text" }),
      ),
    );
    const text = element.querySelector(".text");
    element.classList.toggle("waiting", preview.blocks.length === 0);
    if (preview.wait) {
      const eta = preview.wait.eta_s && Math.max(1, Math.round(preview.wait.eta_s));
      text.textContent = texts.waiting(preview.wait.place, eta);
    } else if (preview.blocks.length === 0) {
      text.textContent = texts.writing;
    } else {
      showBlocks(text, preview.blocks);
    }
    return element;
  }

  #day(post) {
    const day = dayOf(post);
    return this.#reuse(`day ${day}`, day, () => make("li", { className: "day", textContent: dayName(post) }));
  }

  #empty() {
    const room = this.#state.rooms.get(this.#state.current);
    const text = room?.direct ? texts.emptyDirect(this.#state.bot) : texts.mentionHint(this.#state.bot);
    return this.#reuse("empty", text, () => make("li", { className: "empty", textContent: text }));
  }

  #newestAnswer() {
    return this.#state
      .postsIn(this.#state.current)
      .findLast((post) => !post.author && !post.removed)?.id;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    this.#sticks = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    if (this.#sticks) find("newer").hidden = true;
    if (scrollTop < 120) this.#ask();
  }

  #ask() {
    const room = this.#state.current;
    if (this.#asked === room || this.#state.complete.get(room)) return;
    this.#asked = room;
    const oldest = this.#state.complete.has(room) ? this.#state.postsIn(room)[0]?.order : null;
    this.#actions.history(room, oldest ?? null);
  }

  #clicked(event) {
    const button = event.target.closest(".copy");
    if (button) copy(button.parentElement.querySelector("code").textContent, button);
  }
}

/** Replace only the blocks that differ, so that a selection in the others survives. */
function showBlocks(text, blocks) {
  const known = text.blocks ?? [];
  if (known.length === 0) text.replaceChildren();
  blocks.forEach((html, index) => {
    if (known[index] === html) return;
    const holder = make("div", { innerHTML: html });
    const old = text.children[index];
    if (old) old.replaceWith(holder);
    else text.append(holder);
  });
  while (text.children.length > blocks.length) text.lastElementChild.remove();
  text.blocks = blocks;
}

function addCopyButtons(text) {
  for (const block of text.querySelectorAll("pre")) {
    block.append(make("button", { className: "copy", type: "button", textContent: texts.copy }));
  }
}

async function copy(text, button) {
  await navigator.clipboard.writeText(text);
  const label = button.textContent;
  button.textContent = texts.copied;
  setTimeout(() => (button.textContent = label), 1200);
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

function hash(text) {
  let value = 7;
  for (const character of text) value = (value * 31 + character.codePointAt(0)) >>> 0;
  return value;
}
