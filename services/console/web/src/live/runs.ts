/** The runs of a project as a list that is kept up: asked for by filter, corrected by the project's stream. */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { Place, RunRow, RunsPage } from "../pure/rows";
import { apiOf, withQuery } from "../pure/routes";
import type { FeedState } from "./feed";
import { Feed } from "./feed";
import type { Asked } from "./question";
import { useJson } from "./question";

export const PAGE_SIZE = 50;
/** After a change the list is asked for again, at most so often: the counts and the order are the gateway's. */
const ASKED_EACH_MS = 700;

const SINCE_MS: Record<string, number> = {
  "1h": 3_600_000,
  "24h": 86_400_000,
  "7d": 7 * 86_400_000,
  "30d": 30 * 86_400_000,
};

/** What the address asks for, as parameters of the gateway. */
export function parametersOf(query: URLSearchParams, now: number): Record<string, string | string[] | null> {
  const since = SINCE_MS[query.get("since") ?? ""];
  const minute = 60_000;
  return {
    phase: query.getAll("phase"),
    task: query.get("task"),
    version: query.get("version"),
    user: query.get("user"),
    label: query.getAll("label"),
    q: query.get("q"),
    cursor: query.get("cursor"),
    created_after: since ? new Date(Math.floor((now - since) / minute) * minute).toISOString() : null,
    limit: String(PAGE_SIZE),
  };
}

export interface LiveRuns {
  asked: Asked<RunsPage>;
  rows: RunRow[];
  state: FeedState;
  asOf: number;
  heardAt: number;
}

interface RunsChanged {
  runs?: RunRow[];
  as_of?: number;
}

export function useRuns(place: Place, query: URLSearchParams): LiveRuns {
  const text = query.toString();
  const url = useMemo(
    () => withQuery(apiOf(place, "runs"), parametersOf(new URLSearchParams(text), Date.now())),
    [place.project, place.domain, text],
  );
  const asked = useJson<RunsPage>(url, `${place.project}/${place.domain}`);
  const [changed, setChanged] = useState<ReadonlyMap<string, RunRow>>(new Map());
  const [heard, setHeard] = useState<{ state: FeedState; asOf: number; at: number }>({ state: "connecting", asOf: 0, at: Date.now() });
  const isThere = asked.data !== null;
  useEffect(() => {
    if (!isThere) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const askSoon = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        asked.again();
      }, ASKED_EACH_MS);
    };
    const feed = new Feed({
      url: (after) => withQuery(apiOf(place, "stream"), { after }),
      after: String(asked.data?.as_of ?? ""),
      onState: (state) => setHeard((old) => ({ ...old, state, at: state === "live" ? Date.now() : old.at })),
      onEvents: (events) => {
        const said = events.map(({ data }) => JSON.parse(data) as RunsChanged);
        const runs = said.flatMap((one) => one.runs ?? []);
        if (runs.length > 0) setChanged((old) => new Map([...old, ...runs.map((run) => [run.name, run] as const)]));
        setHeard((old) => ({ ...old, asOf: Math.max(old.asOf, ...said.map((one) => one.as_of ?? 0)), at: Date.now() }));
        if (runs.length > 0 || events.some(({ event }) => event !== "runs" && event !== "position")) askSoon();
      },
    });
    return () => {
      feed.close();
      clearTimeout(timer);
    };
  }, [place.project, place.domain, isThere, asked.again]);
  useEffect(() => setChanged(new Map()), [asked.data]);
  const rows = useMemo(() => (asked.data?.runs ?? []).map((run) => changed.get(run.name) ?? run), [asked.data, changed]);
  return { asked, rows, state: heard.state, asOf: Math.max(heard.asOf, asked.data?.as_of ?? 0), heardAt: heard.at };
}
