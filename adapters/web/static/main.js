/** The page begins here: who speaks in this tab, then the parts are put together. */

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { find, make } from "./dom.js";
import { Posts } from "./posts.js";
import { Sidebar } from "./sidebar.js";
import { State } from "./state.js";
import { fillIn, language, texts } from "./texts.js";

const PERSON = "parley.person";
const ROOM = "parley.room";

fillIn(document);
const { people, bot } = await (await fetch("/page/me")).json();
const before = sessionStorage.getItem(PERSON);
const known = people.find((person) => person.id === before) ?? (people.length === 1 && before === null ? people[0] : null);
if (known) start(known.id);
else askWho();

function askWho() {
  find("join").hidden = false;
  document.title = bot;
  find("join-title").textContent = texts.joinTitle(bot);
  find("join-known").replaceChildren(
    ...people.map((person) =>
      make("button", { type: "button", textContent: texts.continueAs(person.name), onclick: () => start(person.id) }),
    ),
  );
  find("join-form").addEventListener("submit", join);
  find("join-name").focus();
}

async function join(event) {
  event.preventDefault();
  const response = await fetch("/page/join", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: find("join-name").value, language }),
  });
  const answer = await response.json();
  if (response.ok) start(answer.id);
  else find("join-error").textContent = answer.error.message;
}

function start(person) {
  sessionStorage.setItem(PERSON, person);
  find("join").hidden = true;
  find("app").hidden = false;

  const state = new State();
  const here = () => state.current;
  const connection = new Connection(person, {
    onFrame: (frame) => state.take(frame),
    onState: showLink,
    seq: () => state.seq,
  });
  const posts = new Posts(state, {
    reply: (post) => composer.reply(post),
    edit: (post) => composer.edit(post),
    remove: (post) => connection.act({ do: "delete", post: post.id }),
    react: (post, emoji) => connection.act({ do: "react", post: post.id, emoji }),
    press: (button, post) => connection.act({ do: "press", room: here(), button, post }),
    history: (room, oldest) => connection.ask({ do: "history", room, before: oldest }),
  });
  const composer = new Composer(state, {
    say: (text, reply_to) => expect(connection.act({ do: "say", room: here(), text, reply_to }), here(), text, reply_to),
    change: (post, text) => connection.act({ do: "edit", post: post.id, text }),
    stop: () => connection.act({ do: "press", room: here(), button: "stop", post: "" }),
    lastOwn: () => posts.lastOwn(),
  });
  const sidebar = new Sidebar(state, {
    open,
    create: (name) => (created = connection.act({ do: "create", name })),
    switchPerson: () => {
      sessionStorage.setItem(PERSON, "");
      location.reload();
    },
  });
  let created = "";

  state.onChange((what, detail) => {
    if (what === "welcome") welcomed();
    else if (what === "history") posts.historyCame();
    else if (what === "rooms" && created && state.rooms.has(created)) open(created);
    else if (["post", "preview", "refused"].includes(what)) changed(what, detail);
    sidebar.draw();
  });

  function welcomed() {
    showNotice(state.notice);
    for (const action of connection.waiting()) {
      if (action.do === "say") expect(action.id, action.room, action.text, action.reply_to);
    }
    const last = sessionStorage.getItem(ROOM);
    open(state.rooms.has(here()) ? here() : state.rooms.has(last) ? last : state.directRoom().id);
  }

  function open(room) {
    created = "";
    sessionStorage.setItem(ROOM, room);
    const isOther = room !== here();
    state.open(room);
    const { name, direct } = state.rooms.get(room);
    find("room-title").textContent = direct ? state.bot : `# ${name}`;
    if (isOther) composer.open(state.rooms.get(room));
    posts.open();
    showStop();
    sidebar.draw();
  }

  function changed(what, detail) {
    posts.draw();
    showStop();
    if (what === "post" && detail.room === here()) posts.announce(detail);
    if (what === "refused") find("live").textContent = detail.why;
  }

  function expect(id, room, text, reply_to) {
    const now = new Date().toISOString();
    state.expect({
      id, room, text, reply_to, author: state.me.id, name: state.me.name, at: now, order: Number.MAX_SAFE_INTEGER,
      seq: 0, html: make("p", { textContent: text }).outerHTML, edited: false, removed: false, file: "", sending: true,
    });
    posts.toBottom();
  }

  function showStop() {
    composer.showStop(state.previewsIn(here()).length > 0);
  }
}

function showLink(link) {
  find("link-state").textContent = { open: "", reconnecting: texts.reconnecting, signedOut: texts.signedOut }[link];
  if (link === "signedOut") {
    sessionStorage.setItem(PERSON, "");
    location.reload();
  }
}

function showNotice(text) {
  const bar = find("notice");
  bar.querySelector("span").textContent = text;
  bar.hidden = !text || sessionStorage.getItem("parley.notice") === text;
  bar.querySelector("button").onclick = () => {
    sessionStorage.setItem("parley.notice", text);
    bar.hidden = true;
  };
}
