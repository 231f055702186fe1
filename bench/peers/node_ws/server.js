// The gateway in Node: bots on /cable (ws), readers on POST /sse/rokid (node:http). One process.
//   node server.js PORT

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const PORT = Number(process.argv[2]);
const PING_EVERY_MS = 3_000; // the protocol's own ping
const WS_PING_EVERY_MS = 15_000;

const bots = new Map(); // bot id -> Bot
const turns = new Map(); // session id -> Turn

class Bot {
  constructor(id, socket) {
    this.id = id;
    this.socket = socket;
    this.identifier = null; // once it has subscribed
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  tell(message) {
    this.send({ identifier: this.identifier, message });
  }
}

class Turn {
  constructor(bot, question, response) {
    this.bot = bot;
    this.sessionId = randomUUID();
    this.messageId = question.message_id;
    this.agentId = question.agent_id;
    this.response = response;
    this.nextSequence = 0;
    this.early = new Map();
  }

  // Chunks go out in their sequence, each once.
  take(message) {
    switch (message.type) {
      case "stream_chunk":
        if (message.sequence === this.nextSequence) {
          for (let next = message; next !== undefined; next = this.early.get(this.nextSequence)) {
            this.early.delete(this.nextSequence);
            this.write(next);
            this.nextSequence += 1;
          }
        } else if (message.sequence > this.nextSequence) {
          this.early.set(message.sequence, message);
        }
        break;
      case "stream_summary":
      case "stream_error":
        this.finish();
        break;
    }
  }

  // Acknowledged in the write's callback: the event has then been handed to the kernel.
  write({ content, sequence }) {
    this.response.write(this.text(content, false), () => {
      this.bot.tell({
        type: "chunk_received",
        sequence,
        session_id: this.sessionId,
        timestamp: new Date().toISOString(),
      });
    });
  }

  finish() {
    turns.delete(this.sessionId);
    const done = {
      role: "agent",
      type: "answer",
      message_id: this.messageId,
      agent_id: this.agentId,
      is_finish: true,
    };
    this.response.write(this.text("", true));
    this.response.end(`event: done\ndata: ${JSON.stringify(done)}\n\n`);
  }

  text(text, isFinish) {
    const data = {
      role: "agent",
      type: "answer",
      answer_stream: text,
      message_id: this.messageId,
      agent_id: this.agentId,
      is_finish: isFinish,
    };
    return `event: message\ndata: ${JSON.stringify(data)}\n\n`;
  }
}

// --- readers -------------------------------------------------------------------------------------

function sendJson(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

const server = createServer(async (request, response) => {
  if (request.url === "/health") {
    sendJson(response, 200, { status: "ok" });
    return;
  }
  if (request.method !== "POST" || request.url !== "/sse/rokid") {
    sendJson(response, 404, { error: "not found" });
    return;
  }
  const parts = [];
  for await (const part of request) parts.push(part);
  const question = JSON.parse(Buffer.concat(parts).toString());
  const bot = bots.get(String(question.agent_id));
  if (bot === undefined) {
    sendJson(response, 503, { error: "bot offline" });
    return;
  }
  response.writeHead(200, {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
  });
  response.write(": connected\n\n");
  const turn = new Turn(bot, question, response);
  turns.set(turn.sessionId, turn);
  response.on("close", () => turns.delete(turn.sessionId));
  bot.tell({
    type: "execute_command",
    command: "chat",
    params: { message: question.message.at(-1).text },
    metadata: {
      source: "rokid_lingzhu",
      agent_id: question.agent_id,
      session_id: turn.sessionId,
      openclaw_session_id: `bot_${bot.id}`,
    },
    timestamp: new Date().toISOString(),
  });
});

// --- bots ----------------------------------------------------------------------------------------

const cable = new WebSocketServer({ server, path: "/cable", perMessageDeflate: false });

cable.on("connection", (socket, request) => {
  const query = new URL(request.url, "http://gateway").searchParams;
  const bot = new Bot(query.get("bot_id"), socket);
  const pings = setInterval(
    () => bot.send({ type: "ping", message: Math.floor(Date.now() / 1000) }),
    PING_EVERY_MS,
  );
  const socketPings = setInterval(() => socket.ping(), WS_PING_EVERY_MS);
  socket.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    if (frame.command === "message") {
      const message = JSON.parse(frame.data);
      turns.get(message.session_id)?.take(message);
    } else if (frame.command === "subscribe" && bot.identifier === null) {
      bot.identifier = frame.identifier;
      bots.set(bot.id, bot);
      bot.send({ identifier: bot.identifier, type: "confirm_subscription" });
      bot.tell({ type: "connected", bot_id: bot.id, session_id: randomUUID() });
    }
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    clearInterval(pings);
    clearInterval(socketPings);
    if (bots.get(bot.id) === bot) bots.delete(bot.id);
    for (const turn of turns.values()) if (turn.bot === bot) turn.finish();
  });
  bot.send({ type: "welcome" });
});

process.on("SIGTERM", () => process.exit(0));
server.listen({ host: "127.0.0.1", port: PORT, backlog: 2048 });
