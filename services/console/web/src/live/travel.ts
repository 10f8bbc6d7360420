/** Time travel: the moment of a run that is shown, moved by hand or by playing the run. */

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LiveRun } from "./run";
import { stepFrom } from "../pure/past";
import { setQuery } from "./router";

/** How much faster than life a run is played; 0 plays all of it in `WHOLE_MS`. */
export const SPEEDS = [0, 1, 5, 10, 60, 300] as const;
const WHOLE_MS = 20_000;
const FRAME_MS = 40;
/** A frame that came late skips nothing of the run. */
const LONGEST_FRAME_MS = 120;
const WRITTEN_AFTER_MS = 400;

export interface Travel {
  /** The moment; null is now. */
  at: number | null;
  isPlaying: boolean;
  speed: number;
  setSpeed: (speed: number) => void;
  go: (at: number | null) => void;
  toggle: () => void;
  step: (direction: 1 | -1) => void;
}

const readAt = (): number | null => {
  const at = Date.parse(new URLSearchParams(location.search).get("at") ?? "");
  return Number.isNaN(at) ? null : at;
};

export function useTravel(run: LiveRun): Travel {
  const [at, setAt] = useState<number | null>(readAt);
  const [isPlaying, play] = useState(false);
  const [speed, setSpeed] = useState<number>(SPEEDS[0]);
  const here = useRef(at);
  const move = useCallback((next: number | null) => {
    here.current = next;
    setAt(next);
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => setQuery({ at: at === null ? null : new Date(at).toISOString() }), WRITTEN_AFTER_MS);
    return () => clearTimeout(timer);
  }, [at]);
  useEffect(() => {
    if (!isPlaying) return undefined;
    let last = performance.now();
    let frame = requestAnimationFrame(function advance(time) {
      frame = requestAnimationFrame(advance);
      if (time - last < FRAME_MS || !run.span || here.current === null) return;
      const { from, until } = run.span;
      const factor = speed || Math.max(0.001, (until - from) / WHOLE_MS);
      const next = here.current + Math.min(time - last, LONGEST_FRAME_MS) * factor;
      last = time;
      if (next < until) return move(next);
      move(null);
      play(false);
    });
    return () => cancelAnimationFrame(frame);
  }, [isPlaying, speed, run]);
  return useMemo<Travel>(
    () => ({
      at,
      isPlaying,
      speed,
      setSpeed,
      go: (next) => {
        play(false);
        move(next);
      },
      toggle: () => {
        if (!isPlaying && here.current === null && run.span) move(run.span.from);
        play(!isPlaying);
      },
      step: (direction) => {
        play(false);
        const next = stepFrom(run.past(), here.current ?? Number.MAX_SAFE_INTEGER, direction);
        if (next !== null) move(next);
        else if (direction === 1) move(null);
      },
    }),
    [at, isPlaying, speed, run],
  );
}
