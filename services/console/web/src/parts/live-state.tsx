/** Whether what is shown is how things are now: live, lost, over, or a moment of the past. */

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ago, clock, count } from "../pure/format";
import type { FeedState } from "../live/feed";

const EACH_MS = 1_000;

/** The time now, drawn anew each second while `isOn`. */
export function useNow(isOn: boolean, eachMs = EACH_MS): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isOn) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), eachMs);
    return () => clearInterval(timer);
  }, [isOn, eachMs]);
  return now;
}

export interface LiveStateProps {
  state: FeedState;
  asOf: number;
  heardAt: number;
  /** The moment of the past that is shown instead. */
  at?: number | null;
}

export function LiveState({ state, asOf, heardAt, at = null }: LiveStateProps): VNode {
  const now = useNow(state === "lost");
  const [kind, word, more] = wordsOf(state, at, Math.max(0, now - heardAt));
  return (
    <span class={`live live-${kind}`} role="status" aria-live={at === null ? "polite" : "off"} title="The position in the event log that this page shows">
      <i class="dot" aria-hidden="true" />
      <b>{word}</b>
      {more && <span class="live-more" aria-live="off">{more}</span>}
      {asOf > 0 && <span class="as-of" aria-live="off">#{count(asOf)}</span>}
    </span>
  );
}

function wordsOf(state: FeedState, at: number | null, silentMs: number): [kind: string, word: string, more: string] {
  if (at !== null) return ["past", "As of", clock(at)];
  if (state === "live") return ["live", "Live", ""];
  if (state === "ended") return ["ended", "Complete", ""];
  if (state === "reading") return ["connecting", "Reading the log", ""];
  if (state === "connecting") return ["connecting", "Connecting", ""];
  return ["lost", "Reconnecting", `last heard ${ago(silentMs)}`];
}
