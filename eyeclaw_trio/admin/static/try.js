// Try it: the glasses, played. What comes is taken as they take it: text, actions, what could be
// asked next; the raw events stand beside it.

import { explain, visible } from "./harmless.js";

function setUpTrying(form) {
  const part = (name) => document.querySelector(`[data-testid="${name}"]`);
  const [answer, raw, facts, acts, refused, trace] =
    ["answer", "raw", "facts", "acts", "refused", "trace"].map(part);
  const photo = form.querySelector("[data-photo]");
  const stop = form.querySelector("[data-stop]");
  let running = null;
  let ended = Promise.resolve();

  const showFact = (name, value) => {
    const row = facts.querySelector(`[data-fact="${name}"]`) ?? document.createElement("div");
    row.dataset.fact = name;
    row.replaceChildren(...[["dt", facts.dataset[name]], ["dd", value]].map(([tag, text]) =>
      Object.assign(document.createElement(tag), { textContent: text })));
    facts.append(row);
  };
  const since = (start) => `${((performance.now() - start) / 1000).toFixed(2)} s`;

  // One event of the stream, as glasses would take it.
  function take(block, start, count) {
    raw.textContent += visible(block) + "\n\n";
    raw.scrollTop = raw.scrollHeight;
    const [name, data] = block.split("\n");
    if (name !== "event: message") return count;
    const message = JSON.parse(data.slice("data: ".length));
    if (message.type === "tool_call") showAction(message.tool_call);
    if (message.type === "follow_up") showFollowUps(message.follow_up);
    const text = message.answer_stream;
    if (text && !answer.textContent) showFact("first", since(start));
    if (text) answer.append(visible(text));
    showFact("count", count + 1);
    return count + 1;
  }

  function showCard(name, title, ...parts) {
    const card = document.createElement("li");
    card.dataset.act = name;
    card.append(Object.assign(document.createElement("b"), { textContent: title }), ...parts);
    acts.append(card);
  }

  // What the glasses would do: each field but those that every action has.
  function showAction({ command, handling_required, is_recall, ...fields }) {
    const said = Object.entries(fields).map(([name, value]) =>
      `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("\n");
    const parts = [["code", command], ["pre", said]].filter(([, text]) => text).map(([tag, text]) =>
      Object.assign(document.createElement(tag), { textContent: visible(text) }));
    if (command === "take_photo") {
      parts.push(Object.assign(document.createElement("p"), { textContent: acts.dataset.photoWanted }));
      photo.focus();
    }
    showCard("action", acts.dataset.action, ...parts);
  }

  function showFollowUps(texts) {
    const buttons = texts.map((text) => {
      const button = Object.assign(document.createElement("button"), {
        type: "button", className: "small", textContent: visible(text),
      });
      button.addEventListener("click", async () => {
        form.elements.text.value = text;
        await ended; // they come shortly before the answer's end
        form.requestSubmit();
      });
      return button;
    });
    showCard("follow-ups", acts.dataset.next, ...buttons);
  }

  const readPhoto = (file) => new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });

  async function ask() {
    running = new AbortController();
    answer.textContent = raw.textContent = "";
    facts.replaceChildren();
    acts.replaceChildren();
    refused.hidden = trace.hidden = true;
    stop.hidden = false;
    answer.ariaBusy = "true";
    const start = performance.now();
    try {
      const [file] = photo.files;
      const question = {
        bot: Number(form.elements.bot.value),
        text: form.elements.text.value,
        photo: file ? await readPhoto(file) : null,
      };
      const response = await fetch(form.dataset.stream, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(question),
        signal: running.signal,
      });
      if (!response.ok) throw new Error(await explain(response));
      trace.href = `/admin/stream_traces/${encodeURIComponent(response.headers.get("eyeclaw-trace"))}`;
      trace.hidden = false;
      const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let [rest, count] = ["", 0];
      for (let each = await pieces.read(); !each.done; each = await pieces.read()) {
        const blocks = (rest + each.value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) count = take(block, start, count);
      }
      showFact("whole", since(start));
    } catch (error) {
      if (error.name !== "AbortError") {
        refused.textContent = error.message;
        refused.hidden = false;
      }
    } finally {
      running = null;
      stop.hidden = true;
      answer.ariaBusy = "false";
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) ended = ask();
  });
  photo.addEventListener("change", () => { form.elements.text.required = !photo.files.length; });
  stop.addEventListener("click", () => running?.abort());
}

for (const form of document.querySelectorAll("form[data-stream]")) setUpTrying(form);
