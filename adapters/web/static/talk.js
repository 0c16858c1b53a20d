/** The parts of the page, put together for one person. */

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { find, make } from "./dom.js";
import { Kept } from "./kept.js";
import { Posts } from "./posts.js";
import { Sidebar } from "./sidebar.js";
import { State } from "./state.js";
import { texts, whyRefused } from "./texts.js";
import { showLink, showNotice, toast } from "./notices.js";

export function openTalk(person, switchPerson) {
  const lastRoom = new Kept("parley.room", "", sessionStorage);
  const state = new State(person);
  const here = () => state.current;
  let created = "";

  const connection = new Connection(person, {
    onFrame: (frame, action) => state.take({ ...frame, action }),
    onState: (link) => (link === "signedOut" ? switchPerson() : showLink(link)),
    seq: () => state.seq,
  });
  const posts = new Posts(state, person, {
    reply: (post) => composer.reply(post),
    edit: (post) => composer.edit(post),
    remove: (post) => connection.act({ do: "delete", post: post.id }),
    react: (post, emoji) => connection.act({ do: "react", post: post.id, emoji }),
    press: (button, post) => connection.act({ do: "press", room: here(), button, post }),
    history: (room, before) => connection.ask({ do: "history", room, before }),
    suggest: (text) => composer.suggest(text),
    leave: () => composer.focus(),
  });
  const composer = new Composer(state, {
    say: (text, reply_to) => say({ do: "say", room: here(), text, reply_to }),
    change: (post, text) => post.text === text || sent(connection.act({ do: "edit", post: post.id, text })),
    stop: () => connection.act({ do: "press", room: here(), button: "stop", post: "" }),
    lastOwn: () => posts.lastOwn(),
  });
  const sidebar = new Sidebar(state, {
    open,
    create: (name) => (created = connection.act({ do: "create", name }) ?? ""),
    switchPerson,
  });

  state.onChange((what, detail) => {
    if (what === "welcome") welcomed();
    else if (what === "stale") posts.resume();
    else if (what === "history") posts.historyCame();
    else if (what === "rooms" && created && state.rooms.has(created)) open(created);
    else if (what === "post") posted(detail);
    else if (what === "preview") previewed(detail);
    else if (what === "refused") refused(detail);
    if (what !== "preview") sidebar.draw();
  });

  function welcomed() {
    showNotice(state.notice);
    for (const action of connection.waiting()) if (action.do === "say") expect(action);
    const known = [here(), lastRoom.value].find((room) => state.rooms.has(room));
    open(known ?? state.directRoom().id);
  }

  function open(room) {
    created = "";
    lastRoom.value = room;
    const isOther = room !== here();
    state.open(room);
    const { name, direct } = state.rooms.get(room);
    find("room-title").textContent = direct ? state.bot : `# ${name}`;
    find("room-note").textContent = direct ? texts.directNote : texts.roomNote(state.bot);
    if (isOther) composer.open(state.rooms.get(room));
    if (isOther) posts.open();
    else posts.resume();
    showStop();
  }

  function posted(post) {
    if (post.room !== here()) return;
    posts.draw();
    posts.announce(post);
    showStop();
  }

  function previewed(preview) {
    if (preview.room !== here()) return;
    posts.drawPreview(preview.key);
    showStop();
  }

  function refused(frame) {
    posts.draw();
    toast(whyRefused(frame));
    if (frame.action?.do === "say" && frame.action.room === here()) composer.suggest(frame.action.text);
  }

  function say(action) {
    const id = connection.act(action);
    if (id) {
      expect({ ...action, id });
      posts.toBottom();
    }
    return sent(id);
  }

  function sent(id) {
    if (!id) toast(texts.tooLong);
    return Boolean(id);
  }

  /** Show an own message at once; the page's own version of it takes its place. */
  function expect({ id, room, text, reply_to }) {
    state.expect({
      id, room, text, reply_to, author: state.me.id, name: state.me.name, at: new Date().toISOString(),
      order: Number.MAX_SAFE_INTEGER, seq: 0, html: asWritten(text), edited: false, removed: false, file: "", sending: true,
    });
  }

  function showStop() {
    composer.showStop(state.previewsIn(here()).length > 0);
  }
}

const asWritten = (text) => make("p", { className: "as-written", textContent: text }).outerHTML;
