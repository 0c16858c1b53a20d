// A person on Matrix with matrix-js-sdk and its Rust crypto, driven by JSON lines.
//
// In: {"number", "do", …}, one call each; out: {"number", "result" | "error"}, and {"room",
// "event"} for each event in clear, {"room", "typing"}, {"unreadable"}. It ends with its input.

import "fake-indexeddb/auto";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { createClient, ClientEvent, MatrixEventEvent, RoomMemberEvent } from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { OnlySignedDevicesIsolationMode } from "matrix-js-sdk/lib/crypto-api/index.js";

logger.setLevel?.("silent");
for (const level of ["log", "info", "debug", "warn", "error", "trace"]) {
  console[level] = () => {};
}

let client;

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

function tell(event) {
  if (event.isBeingDecrypted() || event.getType() === "m.room.encrypted") {
    if (event.isDecryptionFailure()) say({ unreadable: event.getId() });
    return;
  }
  if (!event.getId() || event.getId().startsWith("~")) return;
  const clear = event.getEffectiveEvent();
  const wire = event.getWireContent();
  const relates = wire["m.relates_to"];
  const content = relates ? { ...clear.content, "m.relates_to": relates } : clear.content;
  say({ room: event.getRoomId(), event: { ...clear, content } });
}

const verbs = {
  async start({ url, user, password, signedOnly }) {
    const plain = createClient({ baseUrl: url });
    const session = await plain.loginRequest({
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password,
    });
    client = createClient({
      baseUrl: url,
      userId: session.user_id,
      deviceId: session.device_id,
      accessToken: session.access_token,
    });
    await client.initRustCrypto();
    const crypto = client.getCrypto();
    await crypto.bootstrapCrossSigning({
      authUploadDeviceSigningKeys: (upload) =>
        upload({ type: "m.login.password", identifier: { type: "m.id.user", user }, password }),
    });
    if (signedOnly) crypto.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
    client.on(ClientEvent.Event, (event) => void (async () => {
      if (event.isEncrypted()) await client.decryptEventIfNeeded(event);
      tell(event);
    })());
    client.on(MatrixEventEvent.Decrypted, tell);
    client.on(RoomMemberEvent.Typing, (_, member) => {
      if (member.typing) say({ room: member.roomId, typing: [member.userId] });
    });
    const prepared = new Promise((resolve) => {
      client.on(ClientEvent.Sync, (state) => state === "PREPARED" && resolve());
    });
    await client.startClient({ initialSyncLimit: 50 });
    await prepared;
    return session.user_id;
  },
  async create({ body }) {
    return (await client.createRoom(body)).room_id;
  },
  async join({ room }) {
    await client.joinRoom(room);
    return room;
  },
  async send({ room, content, kind }) {
    return (await client.sendEvent(room, kind, content)).event_id;
  },
  async redact({ room, event }) {
    return (await client.redactEvent(room, event)).event_id;
  },
  async upload({ content }) {
    const key = randomBytes(32);
    const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
    const cipher = createCipheriv("aes-256-ctr", key, iv);
    const sealed = Buffer.concat([cipher.update(Buffer.from(content, "base64")), cipher.final()]);
    const stored = await client.uploadContent(sealed, { type: "application/octet-stream" });
    const bare = (bytes) => bytes.toString("base64").replace(/=+$/, "");
    return {
      url: stored.content_uri,
      v: "v2",
      key: { alg: "A256CTR", ext: true, k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"], kty: "oct" },
      iv: bare(iv),
      hashes: { sha256: bare(createHash("sha256").update(sealed).digest()) },
    };
  },
  async identity({ user }) {
    const crypto = client.getCrypto();
    const crossSigned = await crypto.userHasCrossSigningKeys(user, true);
    const devices = (await crypto.getUserDeviceInfo([user], true)).get(user) ?? new Map();
    const signed = {};
    for (const id of devices.keys()) {
      const status = await crypto.getDeviceVerificationStatus(user, id);
      signed[id] = status?.signedByOwner ?? false;
    }
    return { crossSigned, devices: signed };
  },
};

async function carryOut(line) {
  const { number, do: verb, ...given } = JSON.parse(line);
  try {
    say({ number, result: (await verbs[verb](given)) ?? null });
  } catch (error) {
    say({ number, error: String(error?.stack ?? error) });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", carryOut);
lines.on("close", () => process.exit(0));
