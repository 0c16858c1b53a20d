/** One message as an element: who, when, what it replies to, its text and its buttons. */

import { copy } from "./copying.js";
import { avatar, iconButton, make } from "./dom.js";
import { icon } from "./icons.js";
import { markMentions } from "./mentions.js";
import { language, texts } from "./texts.js";

const SURE_MS = 3000;

const clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });

/** @param how {first, newest, rating, state, actions, goTo}; `first` begins a group */
export function buildMessage(post, how) {
  const text = textOf(post);
  const isToMe = markMentions(text, how.state) && post.author !== how.state.me.id;
  const classes = ["message", how.first && "first", post.sending && "sending", isToMe && "to-me"];
  const isEdited = post.edited && post.author; // an answer changes as it is made
  const note = post.sending ? texts.sending : isEdited ? texts.edited : "";
  return make(
    "li",
    {
      className: classes.filter(Boolean).join(" "),
      tabIndex: -1,
      data: { testid: "message", postId: post.id, author: post.author || "bot" },
    },
    ...(how.first ? head(post.author, post.name, post.at) : [time(post.at)]),
    quote(post, how),
    text,
    note ? make("span", { className: "note", textContent: note }) : null,
    post.sending ? null : tools(post, how),
  );
}

/** A growing answer; `showPreview` fills it. */
export function buildPreview(bot, first) {
  return make(
    "li",
    { className: `message preview${first ? " first" : ""}`, tabIndex: -1, data: { testid: "preview" } },
    ...(first ? head("", bot, "") : []),
    make("div", { className: "text" }),
  );
}

export function showPreview(element, { wait, blocks }) {
  const text = element.querySelector(".text");
  const isWaiting = wait !== null || blocks.length === 0;
  element.classList.toggle("waiting", isWaiting);
  if (isWaiting) showWaiting(text, wait);
  else showBlocks(text, blocks);
}

function showWaiting(text, wait) {
  const eta = wait?.eta_s ? Math.max(1, Math.round(wait.eta_s)) : null;
  const isInLine = wait && wait.place > 0;
  text.textContent = isInLine ? texts.waiting(wait.place, eta) : texts.writing;
  text.append(make("span", { className: "dots", ariaHidden: "true" }, ...Array.from("...", () => make("i"))));
  text.blocks = [];
}

/** Replace only the blocks that differ, so that a selection in the others survives. */
function showBlocks(text, blocks) {
  const known = text.blocks ?? [];
  if (known.length === 0) text.replaceChildren();
  blocks.forEach((html, index) => {
    if (known[index] === html) return;
    const block = dress(make("div", { innerHTML: html }));
    const old = text.children[index];
    if (old) old.replaceWith(block);
    else text.append(block);
  });
  while (text.children.length > blocks.length) text.lastElementChild.remove();
  text.blocks = blocks;
}

function textOf(post) {
  const text = make("div", { className: "text" });
  if (post.file) text.append(fileLink(post));
  else text.innerHTML = post.html; // rendered and sanitised by the server
  return dress(text);
}

/** What rendered text needs besides: code can be copied, links leave the page where it is. */
function dress(text) {
  for (const block of text.querySelectorAll("pre")) dressCode(block);
  for (const link of text.querySelectorAll("a[href^=http]")) link.target = "_blank";
  return text;
}

function fileLink(post) {
  const link = { className: "file", href: `/page/files/${post.id}`, download: post.file };
  return make("a", link, icon("file"), make("span", { textContent: post.file }), make("small", { textContent: texts.download }));
}

/** A code block's language and its copy button. */
function dressCode(block) {
  const code = block.querySelector("code");
  const lang = /language-([^\s]+)/.exec(code?.className ?? "")?.[1] ?? "";
  const button = iconButton("copy", texts.copyCode, { className: "copy" });
  button.onclick = () => copy(code.textContent, button);
  const frame = make("div", { className: "code", data: { lang } });
  block.replaceWith(frame);
  frame.append(block, button);
}

function head(author, name, at) {
  return [
    avatar(author, name || "?"),
    make("div", { className: "who" }, make("span", { className: "name", textContent: name || texts.someone }), at ? time(at) : null),
  ];
}

function time(at) {
  const date = new Date(at);
  return make("time", { dateTime: at, title: moment.format(date), textContent: clock.format(date) });
}

function quote(post, how) {
  const target = post.reply_to && how.state.posts.get(post.reply_to);
  if (!target || target.removed) return null;
  const words = target.file || target.text;
  const button = make(
    "button",
    { type: "button", className: "quote", title: texts.goTo },
    make("b", { textContent: target.name }),
    make("span", { textContent: words }),
  );
  button.onclick = () => how.goTo(target.id);
  return button;
}

function tools(post, { newest, rating, state, actions }) {
  const bar = make("div", { className: "tools", role: "toolbar", ariaLabel: texts.messageActions });
  const add = (name, label, testid, act) => {
    const button = iconButton(name, label, { data: { testid } });
    button.onclick = () => act(button);
    bar.append(button);
    return button;
  };
  if (post.ratable) {
    add("good", texts.good, "good", () => actions.rate(post, "👍")).ariaPressed = String(rating === "👍");
    add("bad", texts.bad, "bad", () => actions.rate(post, "👎")).ariaPressed = String(rating === "👎");
    if (newest) add("retry", texts.retry, "retry", () => actions.press("retry", post.id));
  }
  add("reply", texts.reply, "reply", () => actions.reply(post));
  if (!post.file) add("copy", texts.copy, "copy", (button) => copy(post.text, button));
  if (post.author === state.me.id) {
    add("edit", texts.edit, "edit", () => actions.edit(post));
    add("delete", texts.delete, "delete", (button) => askTwice(button, () => actions.remove(post)));
  }
  return bar;
}

/** What can't be undone takes a second press. */
function askTwice(button, act) {
  if (button.classList.contains("sure")) return act();
  const before = [...button.childNodes];
  button.classList.add("sure");
  button.replaceChildren(texts.reallyDelete);
  setTimeout(() => {
    button.classList.remove("sure");
    button.replaceChildren(...before);
  }, SURE_MS);
}
