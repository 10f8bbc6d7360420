/** What an action, or a whole run, has printed: read from the beginning, then followed. */

import type { LogLine } from "../pure/answers";
import { withQuery } from "../pure/routes";
import { plain } from "../pure/text";
import { ApiError, getJson } from "./api";
import type { FeedState } from "./feed";
import { Feed } from "./feed";
import { Signal } from "./store";

/** The page holds so many lines; of a longer log it holds the last ones. */
export const KEPT_LINES = 50_000;
const PAGE = 1_000;
const DRAWN_EACH_MS = 100;

interface LinesAnswer {
  lines: LogLine[];
  next: number | null;
  as_of: number;
}

export class LiveLogs {
  lines: LogLine[] = [];
  dropped = 0;
  /** Lines that have not ended yet: what follows replaces them. */
  private readonly begun = new Map<string, LogLine>();
  isLoaded = false;
  readonly version = new Signal(0);
  readonly state = new Signal<FeedState>("connecting");
  readonly error = new Signal<ApiError | null>(null);
  private feed: Feed | null = null;
  private readonly request = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly base: string,
    private readonly action: string | null,
  ) {
    void this.load(0);
  }

  close(): void {
    this.request.abort();
    this.feed?.close();
    clearTimeout(this.timer);
  }

  /** All lines, those that have not ended last. */
  shown(): readonly LogLine[] {
    return this.begun.size > 0 ? [...this.lines, ...this.begun.values()] : this.lines;
  }

  private async load(from: number): Promise<void> {
    let after = from;
    try {
      for (;;) {
        const url = withQuery(`${this.base}/logs`, { action: this.action, after, limit: PAGE });
        const answer = await getJson<LinesAnswer>(url, this.request.signal);
        this.error.value = null;
        this.add(answer.lines);
        after = answer.next ?? answer.as_of;
        if (answer.next === null || answer.lines.length === 0) break;
        this.draw();
      }
      this.isLoaded = true;
      this.draw();
      this.follow(after);
    } catch (error) {
      if (this.request.signal.aborted) return;
      this.error.value = error instanceof ApiError ? error : new ApiError(0, "Error", String(error), "");
      this.draw();
      if (this.error.value.status >= 400 && this.error.value.status < 500) return;
      this.timer = setTimeout(() => void this.load(after), 2_000);
    }
  }

  private follow(after: number): void {
    this.feed = new Feed({
      url: (last) => withQuery(`${this.base}/logs/stream`, { action: this.action, after: last }),
      after: String(after),
      onState: (state) => {
        this.state.value = state;
      },
      onEvents: (events) => {
        for (const { event, data } of events) {
          if (event === "lines") this.add((JSON.parse(data) as { lines: LogLine[] }).lines);
        }
        this.timer ??= setTimeout(() => this.draw(), DRAWN_EACH_MS);
        return events.some(({ event }) => event === "end");
      },
    });
  }

  private add(lines: readonly LogLine[]): void {
    for (const line of lines) {
      const place = `${line.action}/${line.attempt}/${line.stream}`;
      const shown = { ...line, text: plain(line.text) };
      if (line.partial) this.begun.set(place, shown);
      else {
        this.begun.delete(place);
        this.lines.push(shown);
      }
    }
    const over = this.lines.length - KEPT_LINES;
    if (over <= 0) return;
    this.lines = this.lines.slice(over);
    this.dropped += over;
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.version.value += 1;
  }
}
