// A bot by Slack's own Bolt for JavaScript: it tells on stdout what it receives, and answers.
// Environment: BASE_URL, BOT_TOKEN, and APP_TOKEN (Socket Mode) or SIGNING_SECRET (HTTP).
const { App, LogLevel } = require("@slack/bolt");

const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));

const app = new App({
  token: process.env.BOT_TOKEN,
  appToken: process.env.APP_TOKEN,
  signingSecret: process.env.SIGNING_SECRET,
  socketMode: Boolean(process.env.APP_TOKEN),
  endpoints: ["/slack/events", "/slack/commands", "/slack/interactions"],
  logLevel: LogLevel.ERROR,
  clientOptions: {
    slackApiUrl: process.env.BASE_URL,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
  },
});

const button = {
  type: "actions",
  elements: [
    { type: "button", action_id: "good", value: "good", text: { type: "plain_text", text: "Good" } },
  ],
};

app.message(async ({ message, client }) => {
  tell("message", { text: message.text, thread: message.thread_ts, user: message.user });
  if (message.text !== "answer me") return;
  const posted = await client.chat.postMessage({
    channel: message.channel,
    text: "one",
    blocks: [{ type: "markdown", text: "**one**" }, button],
    metadata: { event_type: "contract", event_payload: { key: "k1" } },
  });
  await client.chat.update({ channel: message.channel, ts: posted.ts, text: "two" });
  tell("answered", { ts: posted.ts });
});

app.message("look back", async ({ message, client }) => {
  const history = await client.conversations.history({
    channel: message.channel,
    include_all_metadata: true,
  });
  const keys = history.messages.map((each) => each.metadata?.event_payload?.key);
  tell("history", { keys: keys.filter(Boolean) });
});

app.message("stream to me", async ({ message, client }) => {
  const streamer = client.chatStream({
    channel: message.channel,
    thread_ts: message.thread_ts,
    buffer_size: 1,
  });
  await streamer.append({ markdown_text: "**one " });
  await streamer.append({ markdown_text: "two**" });
  await streamer.stop({ metadata: { event_type: "contract", event_payload: { key: "s1" } } });
  tell("streamed");
});

app.message("too fast", async ({ message, client }) => {
  try {
    await client.chat.postMessage({ channel: message.channel, text: "fast" });
  } catch (error) {
    tell("refused", { code: error.code, retryAfter: error.retryAfter });
  }
});

app.message("where am I", async ({ client }) => {
  try {
    await client.chat.postMessage({ channel: "C-nowhere", text: "hello" });
  } catch (error) {
    tell("refused", { code: error.code, reason: error.data?.error });
  }
});

app.event("app_mention", async ({ event }) => tell("mention", { text: event.text, ts: event.ts }));

app.event("app_home_opened", async ({ event, client }) => {
  await client.views.publish({
    user_id: event.user,
    view: {
      type: "home",
      blocks: [{ type: "section", text: { type: "mrkdwn", text: "at *home*" } }],
    },
  });
  tell("home", { user: event.user });
});

app.event("reaction_added", async ({ event }) => {
  tell("reaction", { reaction: event.reaction, ts: event.item.ts });
});

app.command("/parley", async ({ command, ack, respond }) => {
  await ack();
  await respond({ text: `you said ${command.text}`, response_type: "ephemeral" });
  tell("command", { text: command.text });
});

app.action("good", async ({ action, body, ack }) => {
  await ack();
  tell("button", { action: action.action_id, ts: body.container.message_ts });
});

app.error(async (error) => tell("error", { message: String(error) }));

(async () => {
  const server = await app.start(process.env.APP_TOKEN ? undefined : { port: 0, host: "127.0.0.1" });
  tell("ready", { port: process.env.APP_TOKEN ? 0 : server.address().port });
})();
