import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { FeedState } from "../src/live/feed";
import { Feed } from "../src/live/feed";

/** A gateway whose connections a test plays by hand. */
class Gateway {
  asked: string[] = [];
  ids: (string | undefined)[] = [];
  isAway = false;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  readonly fetch = async (url: string, { headers, signal }: RequestInit): Promise<Response> => {
    this.asked.push(url);
    this.ids.push((headers as Record<string, string>)["Last-Event-ID"]);
    if (this.isAway) throw new TypeError("nobody there");
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });
    signal?.addEventListener("abort", () => this.controller?.error(new Error("aborted")), { once: true });
    return new Response(body);
  };

  say(text: string): void {
    this.controller?.enqueue(new TextEncoder().encode(text));
  }

  hangUp(): void {
    this.controller?.close();
  }
}

let gateway: Gateway;
let states: FeedState[];
let seen: string[];
const listeners = new Set<() => void>();
const page = {
  hidden: false,
  addEventListener: (_: string, listener: () => void) => listeners.add(listener),
  removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
};

/** Lets everything happen that needs no time. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((done) => setImmediate(done));
};

const later = async (ms: number): Promise<void> => {
  mock.timers.tick(ms);
  await settle();
};

const last = (): FeedState | undefined => states[states.length - 1];

async function follow(): Promise<Feed> {
  const feed = new Feed({
    url: (after) => `/stream?after=${after}`,
    after: "5",
    onState: (state) => states.push(state),
    onEvents: (events) => {
      seen.push(...events.map(({ data }) => data));
      return events.some(({ event }) => event === "end");
    },
  });
  await settle();
  return feed;
}

beforeEach(() => {
  gateway = new Gateway();
  states = [];
  seen = [];
  page.hidden = false;
  Object.assign(globalThis, { document: page, fetch: gateway.fetch });
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => mock.timers.reset());

test("a stream that breaks off is asked for again, from the last id on", async () => {
  const feed = await follow();
  gateway.say("id: 7\nevent: actions\ndata: one\n\n");
  await settle();
  gateway.hangUp();
  await settle();
  assert.equal(last(), "lost");
  await later(300);
  assert.equal(last(), "live");
  assert.deepEqual(gateway.asked, ["/stream?after=5", "/stream?after=7"]);
  assert.deepEqual(gateway.ids, ["5", "7"]);
  assert.deepEqual(seen, ["one"]);
  feed.close();
});

test("a connection that says nothing, not even that it lives, does not look live", async () => {
  const feed = await follow();
  await later(20_000);
  gateway.say(": alive\n\n");
  await settle();
  await later(20_000);
  assert.equal(last(), "live");
  await later(5_000);
  assert.equal(last(), "lost");
  feed.close();
});

test("a gateway that stays away is asked less and less often, and never given up", async () => {
  gateway.isAway = true;
  const feed = await follow();
  for (let turn = 0; turn < 20; turn += 1) await later(5_000);
  assert.ok(gateway.asked.length > 15);
  assert.equal(last(), "lost");
  gateway.isAway = false;
  await later(5_000);
  assert.equal(last(), "live");
  feed.close();
});

test("a run's end closes its stream for good", async () => {
  await follow();
  gateway.say("id: 9\nevent: end\ndata: over\n\n");
  await settle();
  assert.equal(last(), "ended");
  await later(60_000);
  assert.equal(gateway.asked.length, 1);
  assert.equal(listeners.size, 0);
});

test("a tab that nobody sees holds no connection, and goes on when it is seen", async () => {
  const feed = await follow();
  page.hidden = true;
  for (const listener of listeners) listener();
  await later(60_000);
  assert.equal(gateway.asked.length, 1);
  page.hidden = false;
  for (const listener of listeners) listener();
  await settle();
  assert.equal(gateway.asked.length, 2);
  assert.equal(last(), "live");
  feed.close();
});
