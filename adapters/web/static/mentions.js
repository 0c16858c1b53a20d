/** Names after an @, marked in what people wrote. */

const SKIPPED = "code, pre, a";

/** Mark the names of the bot and of people below an element; whether one is mine. */
export function markMentions(element, state) {
  const pattern = patternOf(state);
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.data.includes("@") && !node.parentElement.closest(SKIPPED)) found.push(node);
  }
  return found.map((node) => markIn(node, pattern, state.me.name)).some(Boolean);
}

function markIn(node, pattern, mine) {
  let isMine = false;
  const pieces = node.data.split(pattern).map((piece, index) => {
    if (index % 2 === 0) return piece;
    const me = piece.slice(1).toLowerCase() === mine.toLowerCase();
    isMine ||= me;
    return Object.assign(document.createElement("span"), {
      className: me ? "mention mine" : "mention",
      textContent: piece,
    });
  });
  node.replaceWith(...pieces.filter((piece) => piece !== ""));
  return isMine;
}

/** Longer names first, so that “@Ann Lee” is not “@Ann”. */
function patternOf(state) {
  const names = [state.bot, ...[...state.people.values()].map((person) => person.name)]
    .sort((one, other) => other.length - one.length)
    .map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}_])(@(?:${names.join("|")}))(?![\\p{L}\\p{N}_])`, "giu");
}
