/** A stream of events that is followed for as long as somebody looks, and resumed where it broke off.
 *
 * EventSource is not used: it shows no heartbeats, so a connection that hangs would go on looking live, and it
 * gives up for good when a gateway that is starting answers 503.
 */

import type { ServerEvent } from "../pure/sse";
import { SseParser } from "../pure/sse";
import { here, isOut } from "./session";

/** `reading`: what comes is the past, and the present is not reached yet. */
export type FeedState = "connecting" | "reading" | "live" | "lost" | "ended";

export interface FeedOptions {
  /** The address that goes on after an id; of the beginning, an empty one. */
  url: (after: string) => string;
  after: string;
  /** All events that came in one piece, together; true says that the stream is over. */
  onEvents: (events: ServerEvent[]) => boolean | void;
  onState: (state: FeedState) => void;
}

/** The gateway says something each 15 s; a connection that is silent for longer than this is taken for lost. */
const SILENCE_MS = 25_000;
const DELAYS_MS = [300, 700, 1_500, 3_000, 5_000];

export class Feed {
  private last: string;
  private failures = 0;
  private request: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;

  constructor(private readonly options: FeedOptions) {
    this.last = options.after;
    document.addEventListener("visibilitychange", this.onVisibility);
    if (!document.hidden) void this.connect();
  }

  close(): void {
    this.isOver = true;
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.disconnect();
  }

  /** A tab that nobody sees holds no connection: browsers allow six to one server. */
  private readonly onVisibility = (): void => {
    if (this.isOver) return;
    this.disconnect();
    this.failures = 0;
    if (!document.hidden) void this.connect();
  };

  private disconnect(): void {
    clearTimeout(this.timer);
    this.request?.abort();
    this.request = null;
  }

  private async connect(): Promise<void> {
    const request = new AbortController();
    this.request = request;
    this.options.onState(this.failures === 0 ? "connecting" : "lost");
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.last) headers["Last-Event-ID"] = this.last;
      const answer = await fetch(here(this.options.url(this.last)), { headers, signal: request.signal, cache: "no-store" });
      if (answer.status === 401) isOut.value = true;
      if (!answer.ok || !answer.body) throw new Error(String(answer.status));
      await this.read(answer.body, request);
    } catch {
      // What went wrong is not told apart: the stream is asked for again, and says what it has.
    }
    clearTimeout(this.timer);
    if (request.signal.aborted && this.request !== request) return;
    if (!this.isOver) this.retry();
  }

  private async read(body: ReadableStream<Uint8Array>, request: AbortController): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser();
    this.options.onState("live");
    for (;;) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => request.abort(), SILENCE_MS);
      const { done, value } = await reader.read();
      if (done) return;
      this.failures = 0;
      if (this.take(parser.feed(decoder.decode(value, { stream: true })))) {
        this.close();
        this.options.onState("ended");
        return;
      }
    }
  }

  private take(events: ServerEvent[]): boolean {
    if (events.length === 0) return false;
    for (const event of events) if (event.id) this.last = event.id;
    return this.options.onEvents(events) === true;
  }

  private retry(): void {
    this.options.onState("lost");
    const delay = DELAYS_MS[Math.min(this.failures, DELAYS_MS.length - 1)] ?? 5_000;
    this.failures += 1;
    this.timer = setTimeout(() => void this.connect(), delay);
  }
}
