/** A run that is being looked at: its actions, kept up with its stream, and the tree that is drawn from them. */

import type { Place, ActionRow } from "../pure/rows";
import type { Span, Steps } from "../pure/past";
import { stepsOf, widened } from "../pure/past";
import type { TreeNode } from "../pure/tree";
import { growTree } from "../pure/tree";
import { apiOf, withQuery } from "../pure/routes";
import { ApiError, getJson } from "./api";
import type { FeedState } from "./feed";
import { Feed } from "./feed";
import type { ServerEvent } from "../pure/sse";
import { Signal } from "./store";

interface ActionsAnswer {
  columns: (keyof ActionRow)[];
  rows: unknown[][];
  settled: boolean;
  as_of: number;
}

/** How the gateway orders an action's values, in answers (which say so) and in its stream. */
const COLUMNS: readonly (keyof ActionRow)[] = [
  "name",
  "kind",
  "parent",
  "task",
  "group",
  "phase",
  "attempt",
  "requested_at_ms",
  "history",
  "ended_at_ms",
  "failure_code",
  "cached",
  "recovered_from",
  "has_report",
];

/** The table as rows: ten thousand of them are sent without their names repeated. */
function unpack(columns: readonly string[], values: readonly unknown[]): ActionRow {
  const row: Record<string, unknown> = {};
  for (let index = 0; index < columns.length; index += 1) row[columns[index]!] = values[index];
  return row as unknown as ActionRow;
}

/** Changes are drawn together, at most so often: the tree is laid out anew each time, which takes its actions' time. */
const drawnEachMs = (actions: number): number => 100 + actions / 40;
/** How long a run may take to be read until it is shown as far as it is. */
const PATIENCE_MS = 400;
const AGAIN_MS = 2_000;

export class LiveRun {
  readonly rows = new Map<string, ActionRow>();
  /** Counts the pictures: what is computed from the rows holds for one value of it. */
  readonly version = new Signal(0);
  readonly state = new Signal<FeedState>("connecting");
  readonly error = new Signal<ApiError | null>(null);
  isLoaded = false;
  asOf = 0;
  /** From the first word of the run to the last that is known. */
  span: Span | null = null;
  /** When the last sign of life came, for a page that has lost the stream. */
  heardAt = Date.now();
  private readonly heard = new Map<string, number>();
  private feed: Feed | null = null;
  private readonly request = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;
  private tree: { size: number; tops: TreeNode[] } | null = null;
  private steps: { version: number; steps: Steps } | null = null;

  constructor(
    private readonly place: Place,
    private readonly run: string,
  ) {
    void this.load();
  }

  close(): void {
    this.request.abort();
    this.feed?.close();
    clearTimeout(this.timer);
    clearTimeout(this.again);
  }

  /** The tree of all actions. Its shape changes only when one is added. */
  tops(): TreeNode[] {
    if (this.tree?.size !== this.rows.size) this.tree = { size: this.rows.size, tops: growTree(this.rows.values()) };
    return this.tree.tops;
  }

  /** Every word of the run in the order of time. */
  past(): Steps {
    if (this.steps?.version !== this.version.value) {
      this.steps = { version: this.version.value, steps: stepsOf(this.rows.values()) };
    }
    return this.steps.steps;
  }

  private async load(): Promise<void> {
    const base = apiOf(this.place, "runs", this.run);
    const patience = setTimeout(() => this.readAlong(base), PATIENCE_MS);
    try {
      const answer = await getJson<ActionsAnswer>(`${base}/actions`, this.request.signal);
      for (const values of answer.rows) this.put(unpack(answer.columns, values));
      this.asOf = answer.as_of;
      this.isLoaded = true;
      this.error.value = null;
      this.draw();
      this.stopReading();
      if (answer.settled) this.state.value = "ended";
      else this.follow(base, String(answer.as_of));
    } catch (error) {
      if (this.request.signal.aborted) return;
      const known = error instanceof ApiError ? error : new ApiError(0, "Error", String(error), "");
      this.error.value = known;
      if (known.status === 404) this.stopReading();
      if (known.status !== 400) this.again = setTimeout(() => void this.load(), AGAIN_MS);
    } finally {
      clearTimeout(patience);
    }
  }

  /** Shows a long run while the gateway reads it; the answer that has all of it is still awaited. */
  private readAlong(base: string): void {
    if (this.feed) return;
    this.feed = new Feed({
      url: (last) => withQuery(`${base}/stream`, { after: last }),
      after: "",
      onState: () => (this.state.value = "reading"),
      onEvents: (events) => {
        const isOver = this.takeAll(events);
        this.isLoaded ||= this.rows.size > 0;
        if (!isOver) return false;
        this.request.abort();
        clearTimeout(this.again);
        this.error.value = null;
        this.state.value = "ended";
        return true;
      },
    });
  }

  private stopReading(): void {
    this.feed?.close();
    this.feed = null;
  }

  private follow(base: string, after: string): void {
    this.feed = new Feed({
      url: (last) => withQuery(`${base}/stream`, { after: last }),
      after,
      onState: (state) => {
        if (state === "live") this.heardAt = Date.now();
        this.state.value = state;
      },
      onEvents: (events) => this.takeAll(events),
    });
  }

  /** Whether the run is over with these. */
  private takeAll(events: readonly ServerEvent[]): boolean {
    this.heardAt = Date.now();
    for (const { event, data } of events) this.takeIn(event, data);
    this.drawSoon();
    return events.some(({ event }) => event === "end");
  }

  private takeIn(event: string, data: string): void {
    const said = JSON.parse(data) as { rows?: unknown[][]; as_of?: number };
    if (event === "actions") for (const values of said.rows ?? []) this.put(unpack(COLUMNS, values));
    if (said.as_of) this.asOf = Math.max(this.asOf, said.as_of);
  }

  /** How often something was heard of an action: changes when there is something new to ask for. */
  heardOf(action: string): number {
    return this.heard.get(action) ?? 0;
  }

  private put(row: ActionRow): void {
    this.heard.set(row.name, this.heardOf(row.name) + 1);
    const known = this.rows.get(row.name);
    if (known) Object.assign(known, row);
    else this.rows.set(row.name, row);
    this.span = widened(this.span, row);
  }

  private drawSoon(): void {
    this.timer ??= setTimeout(() => this.draw(), drawnEachMs(this.rows.size));
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.version.value += 1;
  }
}
