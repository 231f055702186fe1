// OpenAI's own package of npm, unmodified, against a gateway: run by test_clients.
//     node ask_openai.mjs MODULES BASE_URL KEY
import { createRequire } from "node:module";

const [, , modules, baseURL, apiKey] = process.argv;
const OpenAI = createRequire(modules)("openai").default;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "hello there" }];

async function text(stream) {
  let said = "";
  for await (const chunk of stream) said += chunk.choices[0]?.delta?.content ?? "";
  return said;
}

async function raised(given) {
  try {
    await client.chat.completions.create({ model: "home", messages, ...given });
  } catch (error) {
    return [error.constructor.name, error.status, error.code];
  }
}

const { data: whole, request_id } = await client.chat.completions.create({ model: "home", messages }).withResponse();
const streamed = await text(await client.chat.completions.create({ model: "home", messages, stream: true }));
const endless = [{ role: "user", content: "script:pieces:1000:0.05" }];
const left = await client.chat.completions.create({ model: "home", messages: endless, stream: true });
let read = 0;
for await (const _ of left) if (++read === 3) break;
const many = await Promise.all(
  Array.from({ length: 50 }, async () =>
    text(await client.chat.completions.create({ model: "home", messages, stream: true })),
  ),
);
console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    usage: whole.usage?.total_tokens ?? null,
    request_id,
    streamed,
    read,
    many: [...new Set(many)],
    models: (await client.models.list()).data.map((model) => model.id),
    errors: {
      model: await raised({ model: "gpt-4o" }),
      body: await raised({ messages: [] }),
      away: await raised({ model: "away" }),
    },
  }),
);
