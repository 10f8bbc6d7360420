/** The events of an action as the log has them: a line each, the whole document on demand. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, count, dateTime, millis } from "../pure/format";
import { withQuery } from "../pure/routes";
import type { EventLine } from "../pure/answers";
import { ApiError, getJson } from "../live/api";
import { Loading, Trouble } from "../parts/states";

interface EventsAnswer {
  events: EventLine[];
  next: number | null;
}

const PAGE = 200;

export interface EventsProps {
  base: string;
  action: string;
  at: number | null;
  /** Changes when there is something new to read. */
  heard: number;
}

export function Events({ base, action, at, heard }: EventsProps): VNode {
  const [events, setEvents] = useState<EventLine[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [turn, setTurn] = useState(0);
  const last = useRef(0);
  useEffect(() => {
    const request = new AbortController();
    const read = async (): Promise<void> => {
      for (;;) {
        const url = withQuery(`${base}/events`, { action, after: last.current, limit: PAGE });
        const answer = await getJson<EventsAnswer>(url, request.signal);
        const fresh = answer.events.filter((event) => event.sequence > last.current);
        last.current = fresh[fresh.length - 1]?.sequence ?? last.current;
        setEvents((old) => [...(old ?? []), ...fresh]);
        setError(null);
        if (!answer.next || fresh.length === 0) return;
      }
    };
    read().catch((reason: unknown) => {
      if (!request.signal.aborted) setError(reason instanceof ApiError ? reason : new ApiError(0, "Error", String(reason), ""));
    });
    return () => request.abort();
  }, [base, action, heard, turn]);
  if (error && !events) return <Trouble error={error} again={() => setTurn(turn + 1)} />;
  if (!events) return <Loading />;
  const shown = events.filter((event) => at === null || (millis(event.time) ?? 0) <= at);
  return (
    <ol class="events" aria-label="Events">
      {shown.map((event) => (
        <li key={event.sequence}>
          <details>
            <summary>
              <span class="mono quiet number">#{count(event.sequence)}</span>
              <span class="mono" title={dateTime(millis(event.time) ?? 0)}>
                {event.time ? clock(millis(event.time) ?? 0) : "–"}
              </span>
              <span class="event-text">
                {event.text} <span class="quiet">{event.type}</span>
              </span>
            </summary>
            <pre tabIndex={0}>{JSON.stringify(event.event, null, 2)}</pre>
          </details>
        </li>
      ))}
    </ol>
  );
}
