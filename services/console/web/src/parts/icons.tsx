/** The signs of the phases: each has a shape of its own, so that they can be told apart without colours. */

import type { VNode } from "preact";
import type { Counts, Phase } from "../pure/phase";
import { countsText, PHASES, totalOf, wordOf } from "../pure/phase";

const SHAPES: Record<Phase, VNode> = {
  queued: <circle cx="8" cy="8" r="5.5" class="line" stroke-dasharray="2.2 2.2" />,
  waiting_for_resources: <path d="M4 2.5h8M4 13.5h8M5 2.5v2.2L8 8l3-3.3V2.5M5 13.5v-2.2L8 8l3 3.3v2.2" class="line" />,
  initializing: (
    <>
      <circle cx="8" cy="8" r="5.5" class="line" />
      <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" class="fill" />
    </>
  ),
  running: <path d="M4.5 2.8v10.4L13 8z" class="fill" />,
  paused: (
    <>
      <rect x="3.5" y="3" width="3.2" height="10" rx=".8" class="fill" />
      <rect x="9.3" y="3" width="3.2" height="10" rx=".8" class="fill" />
    </>
  ),
  succeeded: (
    <>
      <circle cx="8" cy="8" r="6.3" class="fill" />
      <path d="M5 8.2l2.2 2.1L11.2 6" class="cut" />
    </>
  ),
  failed: (
    <>
      <path d="M8 1.2L14.8 8 8 14.8 1.2 8z" class="fill" />
      <path d="M6 6l4 4M10 6l-4 4" class="cut" />
    </>
  ),
  timed_out: (
    <>
      <rect x="2" y="2" width="12" height="12" rx="2.5" class="fill" />
      <path d="M8 4.8V8.4l2.3 1.5" class="cut" />
    </>
  ),
  aborted: (
    <>
      <circle cx="8" cy="8" r="5.5" class="line" />
      <path d="M4.2 11.8l7.6-7.6" class="line" />
    </>
  ),
  recovered: <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.2v3H10" class="line" />,
};

export function PhaseIcon({ phase }: { phase: Phase }): VNode {
  return (
    <svg class={`icon phase-${phase}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {SHAPES[phase]}
    </svg>
  );
}

/** The sign and the word. */
export function PhaseBadge({ phase, strong = false }: { phase: Phase; strong?: boolean }): VNode {
  return (
    <span class={`phase phase-${phase}${strong ? " strong" : ""}`}>
      <PhaseIcon phase={phase} />
      <span>{wordOf(phase)}</span>
    </span>
  );
}

/** A bar of so many parts of each phase; the words stand in its label. */
export function PhaseBar({ counts }: { counts: Counts }): VNode {
  const total = totalOf(counts) || 1;
  const order = [...PHASES].reverse().filter((phase) => counts[phase]);
  return (
    <span class="phase-bar" role="img" aria-label={countsText(counts)} title={countsText(counts)}>
      {order.map((phase) => (
        <i key={phase} class={`phase-${phase}`} style={{ flexGrow: Math.max((counts[phase] ?? 0) / total, 0.012) }} />
      ))}
    </span>
  );
}

const GLYPHS = {
  chevron: "M6 3.5L10.5 8 6 12.5",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14 14",
  play: "M4.5 3v10l8-5z",
  pause: "M5 3v10M11 3v10",
  back: "M10 3L5 8l5 5",
  next: "M6 3l5 5-5 5",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8L13 13M13 3l-1.2 1.2M4.2 11.8L3 13",
  moon: "M13.2 9.8A5.8 5.8 0 0 1 6.2 2.8a5.8 5.8 0 1 0 7 7z",
  auto: "M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6",
  close: "M4 4l8 8M12 4l-8 8",
  leave: "M9 2.5H3v11h6M7 8h7M11 5l3 3-3 3",
  copy: "M6 6h7v7H6zM3 10V3h7",
} as const;

export function Glyph({ name }: { name: keyof typeof GLYPHS }): VNode {
  return (
    <svg class="glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={GLYPHS[name]} />
    </svg>
  );
}
