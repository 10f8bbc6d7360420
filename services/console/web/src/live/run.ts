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
import { Signal } from "./store";

interface ActionsAnswer {
  columns: (keyof ActionRow)[];
  rows: unknown[][];
  settled: boolean;
  as_of: number;
}

/** The table as rows: ten thousand of them are sent without their names repeated. */
export function unpack(columns: readonly string[], values: readonly unknown[]): ActionRow {
  return Object.fromEntries(columns.map((name, index) => [name, values[index]])) as unknown as ActionRow;
}

/** Changes are drawn together, at most so often: the tree of a large run is laid out anew each time. */
const DRAWN_EACH_MS = 120;

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
  private feed: Feed | null = null;
  private columns: string[] = [];
  private readonly request = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
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
    try {
      const answer = await getJson<ActionsAnswer>(`${base}/actions`, this.request.signal);
      this.error.value = null;
      this.columns = answer.columns;
      for (const values of answer.rows) this.put(unpack(answer.columns, values));
      this.asOf = answer.as_of;
      this.isLoaded = true;
      this.draw();
      this.follow(base, String(answer.as_of));
    } catch (error) {
      if (this.request.signal.aborted) return;
      const known = error instanceof ApiError ? error : new ApiError(0, "Error", String(error), "");
      this.error.value = known;
      if (known.status === 404 || known.status === 400) return;
      this.timer = setTimeout(() => void this.load(), 2_000);
    }
  }

  private follow(base: string, after: string): void {
    this.feed = new Feed({
      url: (last) => withQuery(`${base}/stream`, { after: last }),
      after,
      onState: (state) => {
        if (state === "live") this.heardAt = Date.now();
        this.state.value = state;
      },
      onEvents: (events) => {
        this.heardAt = Date.now();
        let isOver = false;
        for (const { event, data } of events) {
          if (event === "end") isOver = true;
          this.takeIn(event, data);
        }
        this.drawSoon();
        return isOver;
      },
    });
  }

  private takeIn(event: string, data: string): void {
    const said = JSON.parse(data) as { rows?: unknown[][]; columns?: string[]; as_of?: number };
    if (event === "actions") for (const values of said.rows ?? []) this.put(unpack(said.columns ?? this.columns, values));
    if (said.as_of) this.asOf = Math.max(this.asOf, said.as_of);
  }

  private put(row: ActionRow): void {
    const known = this.rows.get(row.name);
    if (known) Object.assign(known, row);
    else this.rows.set(row.name, row);
    this.span = widened(this.span, row);
  }

  private drawSoon(): void {
    this.timer ??= setTimeout(() => this.draw(), DRAWN_EACH_MS);
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.version.value += 1;
  }
}
