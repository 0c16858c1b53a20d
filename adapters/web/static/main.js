/** The page begins here: who speaks in this tab. */

import { find, make } from "./dom.js";
import { icon } from "./icons.js";
import { openTalk } from "./talk.js";
import { fillIn, language, texts, whyRefused } from "./texts.js";

const PERSON = "parley.person";

fillIn(document);
for (const place of document.querySelectorAll("[data-icon]")) place.prepend(icon(place.dataset.icon));

const response = await fetch("/page/me");
if (response.status === 403) location.reload(); // the page explains itself
const { people, bot } = await response.json();
const before = sessionStorage.getItem(PERSON);
const known = people.find((person) => person.id === before);
const only = people.length === 1 && before === null ? people[0] : null;
if (known ?? only) start((known ?? only).id);
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
  const asked = await fetch("/page/join", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: find("join-name").value, language }),
  });
  const answer = await asked.json();
  if (asked.ok) start(answer.id);
  else find("join-error").textContent = whyRefused(answer.error);
}

function start(person) {
  sessionStorage.setItem(PERSON, person);
  find("join").hidden = true;
  find("app").hidden = false;
  openTalk(person, switchPerson);
}

function switchPerson() {
  sessionStorage.setItem(PERSON, "");
  location.reload();
}
