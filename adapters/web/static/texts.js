/** Every word of the interface, in English and Chinese; what the bot says comes from the bot. */

const ENGLISH = {
  skip: "Go to the message field",
  joinTitle: (bot) => `Talk with ${bot}`,
  joinHint: "Choose the name that others see. Like what you write, it stays in your team's own database.",
  continueAs: (name) => `Go on as ${name}`,
  yourName: "Your name",
  join: "Join",
  joinAsOther: "Join as someone else",
  direct: "Direct message",
  rooms: "Rooms",
  people: "People",
  newRoom: "New room",
  roomName: "Name of the new room",
  showRooms: "Rooms and people",
  dismiss: "Dismiss",
  cancel: "Cancel",
  newer: "New messages",
  online: "online",
  messages: "Messages",
  messageActions: "What to do with this message",
  stop: "Stop",
  send: "Send",
  sendHint: "Enter sends, Shift+Enter begins a line, / lists commands, @ names people",
  reconnecting: "Reconnecting…",
  writeTo: (room) => `Message ${room}`,
  writeDirect: (bot) => `Message ${bot}`,
  roomNote: (bot) => `${bot} answers when you mention it or reply to it`,
  directNote: "Only you see this conversation",
  emptyDirect: (bot) => ({
    title: `Say hello to ${bot}`,
    text: "What you write here is kept in your team's own database.",
    ideas: ["What can you help me with?", "Write a friendly reminder for Friday's meeting.", "/help"],
  }),
  emptyRoom: (bot) => ({
    title: "A room for everybody",
    text: `People talk here among themselves. ${bot} answers when you mention it or reply to it.`,
    ideas: [`@${bot} suggest a name for this room.`],
  }),
  someone: "Someone who left",
  edited: "edited",
  sending: "sending…",
  removed: "Message deleted",
  writing: "Writing",
  isWriting: (bot) => `${bot} is writing`,
  waiting: (place, eta) => `${place === 1 ? "Next" : ordinal(place)} in line${eta ? `, about ${eta} s` : ""}`,
  reply: "Reply",
  goTo: "Go to the message",
  copy: "Copy",
  copyCode: "Copy the code",
  copied: "Copied",
  edit: "Edit",
  delete: "Delete",
  reallyDelete: "Delete?",
  retry: "Answer again",
  good: "Good answer",
  bad: "Bad answer",
  replyingTo: (name) => `Replying to ${name}`,
  editing: "Editing your message",
  today: "Today",
  yesterday: "Yesterday",
  download: "Download",
  tooLong: "That is too long to be sent. Please shorten it.",
  refused: {},
};

const CHINESE = {
  skip: "转到输入框",
  joinTitle: (bot) => `与 ${bot} 对话`,
  joinHint: "请选择他人看到的名字。它和您写的内容一样，保存在团队自己的数据库中。",
  continueAs: (name) => `以 ${name} 的身份继续`,
  yourName: "您的名字",
  join: "加入",
  joinAsOther: "以其他身份加入",
  direct: "私聊",
  rooms: "群聊",
  people: "成员",
  newRoom: "新建群聊",
  roomName: "新群聊的名称",
  showRooms: "群聊和成员",
  dismiss: "关闭",
  cancel: "取消",
  newer: "新消息",
  online: "在线",
  messages: "消息",
  messageActions: "对这条消息的操作",
  stop: "停止",
  send: "发送",
  sendHint: "Enter 发送，Shift+Enter 换行，/ 列出命令，@ 提及成员",
  reconnecting: "正在重新连接…",
  writeTo: (room) => `发送到 ${room}`,
  writeDirect: (bot) => `给 ${bot} 发消息`,
  roomNote: (bot) => `提及 ${bot} 或回复它，它就会回答`,
  directNote: "只有您能看到这个对话",
  emptyDirect: (bot) => ({
    title: `向 ${bot} 打个招呼吧`,
    text: "您在这里写的内容保存在团队自己的数据库中。",
    ideas: ["你能帮我做什么？", "写一条周五开会的友好提醒。", "/help"],
  }),
  emptyRoom: (bot) => ({
    title: "大家的群聊",
    text: `成员在这里交谈。提及 ${bot} 或回复它，它就会回答。`,
    ideas: [`@${bot} 给这个群聊起个名字吧。`],
  }),
  someone: "已离开的成员",
  edited: "已编辑",
  sending: "正在发送…",
  removed: "消息已删除",
  writing: "正在输入",
  isWriting: (bot) => `${bot} 正在输入`,
  waiting: (place, eta) => `${place === 1 ? "下一个就是您" : `排在第 ${place} 位`}${eta ? `，约 ${eta} 秒` : ""}`,
  reply: "回复",
  goTo: "转到该消息",
  copy: "复制",
  copyCode: "复制代码",
  copied: "已复制",
  edit: "编辑",
  delete: "删除",
  reallyDelete: "确认删除？",
  retry: "重新回答",
  good: "回答得好",
  bad: "回答得不好",
  replyingTo: (name) => `回复 ${name}`,
  editing: "正在编辑您的消息",
  today: "今天",
  yesterday: "昨天",
  download: "下载",
  tooLong: "内容过长，无法发送，请缩短后重试。",
  refused: {
    empty: () => "消息是空的。",
    gone: () => "该消息已不存在。",
    name_empty: () => "请选择一个名字。",
    name_invisible: () => "该名字含有不可见字符，请换一个。",
    name_long: (most) => `名字最多 ${most} 个字符。`,
    name_taken: (name) => `“${name}”已被使用，请换一个名字。`,
    no_answer: () => "没有可以评价的回答。",
    no_room: () => "没有这个群聊。",
    not_yours: () => "您只能修改自己的消息。",
    room_empty: () => "请为群聊选择一个名称。",
    room_taken: (name) => `已有名为“${name}”的群聊，请换一个名称。`,
  },
};

export const language = navigator.language || "en";
export const texts = language.toLowerCase().startsWith("zh") ? CHINESE : ENGLISH;

/** Why something was refused, in the reader's language; see adapters/web/refusal.py. */
export function whyRefused({ reason, detail, why, message }) {
  return texts.refused[reason]?.(detail) ?? why ?? message;
}

/** Put the words where the document asks for them. */
export function fillIn(root) {
  document.documentElement.lang = texts === CHINESE ? "zh" : "en";
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = texts[element.dataset.text];
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", texts[element.dataset.label]);
    if (element.tagName === "BUTTON") element.title = texts[element.dataset.label];
  }
}

function ordinal(number) {
  const kind = new Intl.PluralRules("en", { type: "ordinal" }).select(number);
  return number + { one: "st", two: "nd", few: "rd", other: "th" }[kind];
}
