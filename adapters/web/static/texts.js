/** Every word of the interface, in English and Chinese; what the bot says comes from the bot. */

const ENGLISH = {
  skip: "Go to the message field",
  joinTitle: (bot) => `Talk with ${bot}`,
  joinHint: "Choose the name that others see. It stays on this machine, like everything you write.",
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
  newer: "New messages ↓",
  stop: "Stop",
  send: "Send",
  reconnecting: "Reconnecting…",
  signedOut: "Signed out",
  writeTo: (room) => `Message ${room}`,
  writeDirect: (bot) => `Message ${bot}`,
  mentionHint: (bot) => `@${bot} answers here when you mention it or reply to it.`,
  emptyDirect: (bot) => `Say hello to ${bot}. Type / to see what it can do.`,
  edited: "edited",
  sending: "sending…",
  removed: "Message deleted",
  writing: "writing…",
  waiting: (place, eta) => `${place}. in line${eta ? `, about ${eta} s` : ""}`,
  reply: "Reply",
  copy: "Copy",
  copied: "Copied",
  edit: "Edit",
  delete: "Delete",
  retry: "Retry",
  good: "Good answer",
  bad: "Bad answer",
  replyingTo: (name) => `Replying to ${name}`,
  editing: "Editing your message",
  today: "Today",
  yesterday: "Yesterday",
  download: "Download",
};

const CHINESE = {
  skip: "转到输入框",
  joinTitle: (bot) => `与 ${bot} 对话`,
  joinHint: "请选择他人看到的名字。它和您写的所有内容一样，只保存在这台机器上。",
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
  newer: "新消息 ↓",
  stop: "停止",
  send: "发送",
  reconnecting: "正在重新连接…",
  signedOut: "已退出",
  writeTo: (room) => `发送到 ${room}`,
  writeDirect: (bot) => `给 ${bot} 发消息`,
  mentionHint: (bot) => `在这里提及 @${bot} 或回复它，它就会回答。`,
  emptyDirect: (bot) => `向 ${bot} 打个招呼吧。输入 / 查看它能做什么。`,
  edited: "已编辑",
  sending: "正在发送…",
  removed: "消息已删除",
  writing: "正在输入…",
  waiting: (place, eta) => `排在第 ${place} 位${eta ? `，约 ${eta} 秒` : ""}`,
  reply: "回复",
  copy: "复制",
  copied: "已复制",
  edit: "编辑",
  delete: "删除",
  retry: "重试",
  good: "回答得好",
  bad: "回答得不好",
  replyingTo: (name) => `回复 ${name}`,
  editing: "正在编辑您的消息",
  today: "今天",
  yesterday: "昨天",
  download: "下载",
};

export const language = navigator.language || "en";
export const texts = language.toLowerCase().startsWith("zh") ? CHINESE : ENGLISH;

/** Put the words where the document asks for them. */
export function fillIn(root) {
  document.documentElement.lang = texts === CHINESE ? "zh" : "en";
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = texts[element.dataset.text];
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", texts[element.dataset.label]);
    element.title = texts[element.dataset.label];
  }
}
