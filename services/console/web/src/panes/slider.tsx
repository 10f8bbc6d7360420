/** The time slider: a skyline of what was under way, and the moment that is shown. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { clock, count, duration } from "../pure/format";
import { sequenceAt, skyline } from "../pure/past";
import type { LiveRun } from "../live/run";
import type { Travel } from "../live/travel";
import { SPEEDS } from "../live/travel";
import { Glyph } from "../parts/icons";

const BINS = 160;
const HEIGHT = 28;

export function Slider({ run, travel, until }: { run: LiveRun; travel: Travel; until: number }): VNode | null {
  const { span } = run;
  if (!span) return null;
  const { at } = travel;
  const width = Math.max(1, until - span.from);
  const said =
    at === null ? "Now" : `${duration(at - span.from)} after the start, as of event ${count(sequenceAt(run.past(), at))}`;
  const onInput = (event: { currentTarget: HTMLInputElement }): void => {
    const value = Number(event.currentTarget.value);
    travel.go(value >= width ? null : span.from + value);
  };
  return (
    <section class={`slider${at === null ? "" : " in-past"}`} aria-label="Time travel">
      <button type="button" class="button bare" onClick={travel.toggle} aria-label={travel.isPlaying ? "Pause" : "Play the run"} title="Play, pause (p)">
        <Glyph name={travel.isPlaying ? "pause" : "play"} />
      </button>
      <button type="button" class="button bare step" onClick={() => travel.step(-1)} aria-label="One event back" title="One event back (,)">
        <Glyph name="back" />
      </button>
      <button
        type="button"
        class="button bare step"
        onClick={() => travel.step(1)}
        disabled={at === null}
        aria-label="One event on"
        title="One event on (.)"
      >
        <Glyph name="next" />
      </button>
      <div class="track">
        <Skyline run={run} until={until} />
        <input
          type="range"
          aria-label="Moment of the run"
          aria-valuetext={said}
          min={0}
          max={width}
          step={width / 1000}
          value={at === null ? width : Math.min(width, at - span.from)}
          onInput={onInput}
        />
      </div>
      <span class="moment mono">{at === null ? duration(width) : `${clock(at)}`}</span>
      <select aria-label="Speed" value={String(travel.speed)} onChange={(event) => travel.setSpeed(Number(event.currentTarget.value))}>
        {SPEEDS.map((speed) => (
          <option key={speed} value={speed}>
            {speed === 0 ? "all in 20 s" : `${speed}×`}
          </option>
        ))}
      </select>
      <button type="button" class="button" disabled={at === null} onClick={() => travel.go(null)} title="Back to now (Esc)">
        Now
      </button>
    </section>
  );
}

/** How many actions were under way over time; a mark where one failed. */
function Skyline({ run, until }: { run: LiveRun; until: number }): VNode {
  const version = run.version.value;
  const second = Math.floor(until / 1000);
  const drawn = useMemo(() => {
    const span = { from: run.span?.from ?? 0, until };
    const { active, failed } = skyline(run.rows.values(), span, BINS);
    const most = Math.max(1, ...active);
    const points = active.map((level, bin) => {
      const y = HEIGHT - Math.sqrt(level / most) * (HEIGHT - 4);
      return `L${bin} ${y.toFixed(1)}H${bin + 1}`;
    });
    return { path: `M0 ${HEIGHT}${points.join("")}V${HEIGHT}Z`, failed: failed.flatMap((hits, bin) => (hits ? [bin] : [])) };
  }, [run, version > 50 ? Math.floor(version / 8) : version, second]);
  return (
    <svg class="skyline" viewBox={`0 0 ${BINS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={drawn.path} />
      {drawn.failed.map((bin) => (
        <rect key={bin} x={bin} y={HEIGHT - 3} width="1" height="3" />
      ))}
    </svg>
  );
}
