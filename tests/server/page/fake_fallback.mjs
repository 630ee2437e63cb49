// The REST fallback of a bridge as `fetch` sees it: it numbers what it is told to say, takes each POST once, and does to the
// network what its plan says. It is no bridge: sessions say nothing by themselves.

const BASE = "https://bridge.test/voice/api/openai/realtime/sessions";

/** @param {number} status @param {unknown} body @param {Record<string, string>} headers */
const json = (status, body, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

export class FakeFallback {
  requests = [];
  /** What arrived, once each: numbers of chunks, and messages. */
  taken = [];
  #events = [];
  #expected = 0;
  #streams = new Set();
  #polls = new Set();
  #held = null;

  /**
   * `plan` has, by kind of request (create, audio, messages, stream, poll, delete), what happens to the first ones:
   * "ok", "lost" (the answer never arrives), "refused" (the request never arrives), "mute" (no byte ever), or [status,
   * body, headers]. `always` has what happens to all others of a kind.
   */
  constructor(plan, clock, numbers) {
    this.plan = { ...plan };
    this.clock = clock;
    this.numbers = numbers;
  }

  fetch = async (url, { method, headers, body, signal, keepalive }) => {
    const { pathname, searchParams, origin } = new URL(url);
    const tail = `${origin}${pathname}`.slice(BASE.length);
    const streams = headers.accept === "text/event-stream";
    const kind = { POST: tail.split("/")[2] ?? "create", GET: streams ? "stream" : "poll", DELETE: "delete" }[method];
    const seq = searchParams.get("seq");
    this.requests.push({
      kind,
      tail,
      at: this.clock.time - 1_000_000,
      query: Object.fromEntries(searchParams),
      headers,
      ...(kind === "create" ? { body: JSON.parse(body) } : {}),
      ...(keepalive ? { keepalive } : {}),
    });
    const fate = this.plan[kind]?.shift() ?? this.plan.always?.[kind] ?? "ok";
    if (Array.isArray(fate)) return json(...fate);
    if (fate === "refused") throw new TypeError("Failed to fetch");
    const answer = fate === "mute" ? this.#never(signal) : this.#answer(kind, { seq, headers, searchParams, body, signal });
    if (fate === "lost") throw new TypeError("Failed to fetch");
    return answer;
  };

  #answer(kind, { seq, headers, searchParams, body, signal }) {
    if (kind === "create") {
      const created = json(201, { sessionId: "n-0.id", token: "session-token" });
      return this.#held ? this.#held.then(() => created) : created;
    }
    if (kind === "delete") return new Response(null, { status: 204 });
    if (kind === "stream") return this.#stream(Number(headers["last-event-id"] ?? 0), signal);
    if (kind === "poll") return this.#poll(Number(searchParams.get("after")), signal);
    if (Number(seq) > this.#expected) return json(409, { code: "INVALID_MESSAGE", expected: this.#expected });
    if (Number(seq) === this.#expected) {
      this.#expected += 1;
      if (kind === "audio") this.taken.push(...this.numbers(body));
      else this.taken.push(...body.split("\n").map((line) => JSON.parse(line)));
    }
    const answer = json(202, { next: this.#expected });
    return this.#held ? this.#held.then(() => answer) : answer;
  }

  #stream(after, signal) {
    const encoder = new TextEncoder();
    const stream = new ReadableStream({
      start: (controller) => {
        const one = { controller, write: (text) => controller.enqueue(encoder.encode(text)) };
        this.#streams.add(one);
        signal.addEventListener("abort", () => {
          if (this.#streams.delete(one)) controller.error(signal.reason);
        });
        this.#events.slice(after).forEach((message, index) => one.write(this.#event(after + index + 1, message)));
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  #event = (id, message) => `id: ${id}\ndata: ${JSON.stringify(message)}\n\n`;

  #page = (after) => {
    const events = this.#events.slice(after).map((message, index) => ({ seq: after + index + 1, message }));
    return json(200, { events, next: after + events.length });
  };

  #poll(after, signal) {
    if (this.#events.length > after) return this.#page(after);
    return Promise.race([new Promise((resolve) => this.#polls.add(() => resolve(this.#page(after)))), this.#never(signal)]);
  }

  #never(signal) {
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }

  say(...messages) {
    for (const message of messages) {
      this.#events.push(message);
      const text = this.#event(this.#events.length, message);
      for (const one of this.#streams) {
        one.write(text.slice(0, 10)); // in pieces, as a network may bring it
        one.write(text.slice(10));
      }
    }
    for (const poll of this.#polls) poll();
    this.#polls.clear();
  }

  /** Let answers to POSTs wait, until `answer`. */
  hold() {
    this.#held = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  answer() {
    this.release();
    this.#held = null;
  }

  endStream() {
    for (const one of this.#streams) one.controller.close();
    this.#streams.clear();
  }

  cutStream() {
    for (const one of this.#streams) {
      one.write("id: 99\ndata: {");
      one.controller.error(new TypeError("network error"));
    }
    this.#streams.clear();
  }
}
