/** The actions of a run: the tree on the left, the time of each on the right. */

import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { count, duration } from "../pure/format";
import { placeIn, scrollTo, ticksOf, tickText } from "../pure/layout";
import type { Span } from "../pure/past";
import { phaseAt, stretchesOf } from "../pure/past";
import { isTerminal, leadingPhase, wordOf } from "../pure/phase";
import type { ActionRow } from "../pure/rows";
import type { Line, Summary } from "../pure/tree";
import { Glyph, PhaseBar, PhaseIcon } from "../parts/icons";
import { useKeys } from "../parts/keys";
import { Lines, useWindow } from "../parts/virtual";

const LINE_HEIGHT = 28;
/** Below this the axis has room for two times. */
const NARROW_PX = 1000;

export interface TreeProps {
  lines: readonly Line[];
  sums: ReadonlyMap<string, Summary>;
  span: Span;
  at: number | null;
  now: number;
  /** The id of the line that has the focus when the tree has it. */
  active: string;
  selected: string;
  onActive: (id: string) => void;
  onToggle: (line: Line, isOpen: boolean) => void;
}

export function Tree(props: TreeProps): VNode {
  const { lines, active } = props;
  const scrolled = useWindow(lines.length, LINE_HEIGHT);
  const wantsFocus = useRef(false);
  const index = lines.findIndex((line) => line.node.id === active);
  const move = (next: number, focus = true): void => {
    const line = lines[Math.max(0, Math.min(lines.length - 1, next))];
    if (!line) return;
    wantsFocus.current = focus;
    props.onActive(line.node.id);
  };
  const reveal = (): void => {
    const element = scrolled.ref.current;
    if (element && index >= 0) element.scrollTop = scrollTo(index, element.scrollTop, element.clientHeight, LINE_HEIGHT);
  };
  useEffect(reveal, [active, index < 0]);
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    scrolled.ref.current?.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')?.focus({ preventScroll: true });
  });
  useKeys({ j: () => move(index + 1), k: () => move(index - 1) });
  const onKeyDown = (event: KeyboardEvent): void => {
    const line = lines[index];
    if (!line || !takeKey(event.key, line, index, props, move, lines.length)) return;
    event.preventDefault();
  };
  return (
    <div class="tree-box">
      <div class="tree-head" aria-hidden="true">
        <span>Action</span>
        <span class="number">Time</span>
        <Axis span={props.span} />
      </div>
      <div class="tree" ref={scrolled.ref} onScroll={scrolled.onScroll} role="tree" aria-label="Actions of the run" onKeyDown={onKeyDown}>
        <Lines
          total={lines.length}
          lineHeight={LINE_HEIGHT}
          scrolled={scrolled}
          also={index}
          line={(at, style) => {
            const line = lines[at]!;
            return <TreeLine key={line.node.id} {...props} line={line} isActive={at === Math.max(0, index)} style={style} />;
          }}
        />
      </div>
    </div>
  );
}

/** The keys of a tree, by the book. Whether the key was one. */
function takeKey(
  key: string,
  line: Line,
  index: number,
  props: TreeProps,
  move: (next: number) => void,
  total: number,
): boolean {
  const hasChildren = line.node.children.length > 0;
  if (key === "ArrowDown") move(index + 1);
  else if (key === "ArrowUp") move(index - 1);
  else if (key === "Home") move(0);
  else if (key === "End") move(total - 1);
  else if (key === "PageDown") move(index + 15);
  else if (key === "PageUp") move(index - 15);
  else if (key === "ArrowRight" && hasChildren && !line.isOpen) props.onToggle(line, true);
  else if (key === "ArrowRight" && hasChildren) move(index + 1);
  else if (key === "ArrowLeft" && line.isOpen) props.onToggle(line, false);
  else if (key === "ArrowLeft" && line.parent >= 0) move(line.parent);
  else if ((key === "Enter" || key === " ") && hasChildren) props.onToggle(line, !line.isOpen);
  else return false;
  return true;
}

interface TreeLineProps extends TreeProps {
  line: Line;
  isActive: boolean;
  style: { top: string; height: string };
}

function TreeLine(props: TreeLineProps): VNode {
  const { line, sums, at, now, isActive, selected, style } = props;
  const { node } = line;
  const sum = sums.get(node.id)!;
  const phase = node.row ? (phaseAt(node.row, at) ?? "queued") : leadingPhase(sum.counts);
  const time = node.row ? timeOf(node.row, at, now) : (sum.until ?? at ?? now) - sum.from;
  const total = sum.size;
  return (
    <div
      class={`line${node.row ? "" : " group"}${node.id === selected ? " selected" : ""}`}
      role="treeitem"
      aria-level={line.depth + 1}
      aria-expanded={node.children.length > 0 ? line.isOpen : undefined}
      aria-selected={node.id === selected}
      tabIndex={isActive ? 0 : -1}
      style={style}
      onClick={() => (node.row ? props.onActive(node.id) : props.onToggle(line, !line.isOpen))}
    >
      <span class="name" style={{ paddingLeft: `${4 + line.depth * 16}px` }}>
        {node.children.length > 0 ? (
          <span
            class={`fold${line.isOpen ? " open" : ""}`}
            onClick={(event) => {
              event.stopPropagation();
              props.onToggle(line, !line.isOpen);
            }}
          >
            <Glyph name="chevron" />
          </span>
        ) : (
          <span class="fold" />
        )}
        <PhaseIcon phase={phase} />
        <span class="label">{node.label}</span>
        {node.row && <span class="unseen"> {wordOf(phase)} </span>}
        {node.row && line.parent >= 0 && node.id !== node.label && <span class="id mono">{node.id.slice(0, 8)}</span>}
        {node.row ? <Marks row={node.row} sum={sum} isOpen={line.isOpen} /> : <span class="times">×{count(total)}</span>}
        {!node.row && <PhaseBar counts={sum.counts} />}
      </span>
      <span class="number">{duration(time)}</span>
      <span class="gantt" aria-hidden="true">
        {node.row ? <Stretches {...props} row={node.row} /> : <Envelope {...props} sum={sum} />}
      </span>
    </div>
  );
}

function timeOf(row: ActionRow, at: number | null, now: number): number {
  const phase = phaseAt(row, at);
  const from = row.history[0]?.[1] ?? row.requested_at_ms;
  const until = phase && isTerminal(phase) ? (row.ended_at_ms ?? from) : (at ?? now);
  return until - from;
}

/** What is special about an action: that it was tried again, came from the cache, is a step or a question. */
function Marks({ row, sum, isOpen }: { row: ActionRow; sum: Summary; isOpen: boolean }): VNode {
  return (
    <>
      {row.kind !== "task" && <span class="tag">{row.kind === "trace" ? "step" : "condition"}</span>}
      {row.attempt > 1 && <span class="tag">attempt {row.attempt}</span>}
      {row.cached && <span class="tag">cached</span>}
      {sum.size > 0 && !isOpen && <PhaseBar counts={sum.counts} />}
    </>
  );
}

function Stretches({ row, span, at, now }: { row: ActionRow; span: Span; at: number | null; now: number }): VNode {
  const phase = phaseAt(row, at);
  const stretches = stretchesOf(row, at);
  return (
    <>
      {stretches.map((stretch, index) => {
        const { left, width } = placeIn(span, stretch.from, stretch.until ?? at ?? now);
        const isLast = index === stretches.length - 1 && phase && isTerminal(phase);
        const wasRetried = stretches.slice(index + 1).some(({ attempt }) => attempt > stretch.attempt);
        const outcome = stretch.phase !== "running" ? stretch.phase : isLast ? phase : wasRetried ? "failed" : "running";
        const title = `${wordOf(stretch.phase)} ${duration((stretch.until ?? at ?? now) - stretch.from)}`;
        return (
          <i
            key={`${stretch.attempt}-${stretch.phase}-${stretch.from}`}
            class={`stretch in-${stretch.phase} phase-${outcome}${wasRetried ? " retried" : ""}`}
            title={title}
            style={{ left: `${left * 100}%`, width: `${width * 100}%` }}
          />
        );
      })}
    </>
  );
}

/** From the first to the last of a group. */
function Envelope({ sum, span, at, now }: { sum: Summary; span: Span; at: number | null; now: number }): VNode {
  const { left, width } = placeIn(span, sum.from, sum.until ?? at ?? now);
  return <i class={`stretch envelope phase-${leadingPhase(sum.counts)}`} style={{ left: `${left * 100}%`, width: `${width * 100}%` }} />;
}

/** So near the end a time has no room. */
const CROWDED = 0.9;
const CROWDED_NARROW = 0.7;

function Axis({ span }: { span: Span }): VNode {
  const isNarrow = innerWidth < NARROW_PX;
  return (
    <span class="axis">
      {ticksOf(span, isNarrow ? 2 : 5).map(({ offset, share }) => (
        <span key={offset} style={{ left: `${share * 100}%` }}>
          {share < (isNarrow ? CROWDED_NARROW : CROWDED) ? tickText(offset) : ""}
        </span>
      ))}
    </span>
  );
}
