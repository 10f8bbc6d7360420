/** The output of an action or of the whole run: live, searchable, followed until one scrolls up. */

import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock, count, plural } from "../pure/format";
import { scrollTo } from "../pure/layout";
import type { LogLine } from "../pure/answers";
import { hitsIn } from "../pure/text";
import { LiveLogs } from "../live/logs";
import { useSignal } from "../live/store";
import { Glyph } from "../parts/icons";
import { Empty, Loading, Trouble } from "../parts/states";
import { Lines, useWindow } from "../parts/virtual";

const LINE_HEIGHT = 19;

export interface LogsProps {
  base: string;
  action: string;
  at: number | null;
  isOver: boolean;
}

export function Logs({ base, action, at, isOver }: LogsProps): VNode {
  const [isWhole, showWhole] = useState(false);
  const logs = useMemo(() => new LiveLogs(base, isWhole ? null : action), [base, action, isWhole]);
  useEffect(() => () => logs.close(), [logs]);
  const version = useSignal(logs.version);
  const error = useSignal(logs.error);
  const [sought, seek] = useState("");
  const [follows, follow] = useState(true);
  const [hit, setHit] = useState(0);
  const lines = useMemo(() => {
    const all = logs.shown();
    return at === null ? all : all.filter((line) => line.at_ms <= at);
  }, [logs, version, at]);
  const hits = useMemo(() => {
    const wanted = sought.toLowerCase();
    return wanted ? lines.flatMap((line, index) => (line.text.toLowerCase().includes(wanted) ? [index] : [])) : [];
  }, [lines, version, sought]);
  const go = (step: number): void => {
    if (hits.length === 0) return;
    follow(false);
    setHit((hit + step + hits.length) % hits.length);
  };
  return (
    <div class="logs">
      <LogBar {...{ logs, sought, hits, hit, go, follows, follow, isWhole, showWhole }} seek={(text) => (seek(text), setHit(0), text && follow(false))} />
      {error && lines.length === 0 ? (
        <Trouble error={error} />
      ) : !logs.isLoaded && lines.length === 0 ? (
        <Loading />
      ) : lines.length === 0 ? (
        <Empty title={isOver || at !== null ? "Nothing was printed" : "Nothing was printed yet"} />
      ) : (
        <LogText lines={lines} version={version} sought={sought} current={hits[hit] ?? -1} follows={follows} follow={follow} isWhole={isWhole} />
      )}
    </div>
  );
}

interface BarProps {
  logs: LiveLogs;
  sought: string;
  hits: number[];
  hit: number;
  go: (step: number) => void;
  seek: (text: string) => void;
  follows: boolean;
  follow: (on: boolean) => void;
  isWhole: boolean;
  showWhole: (on: boolean) => void;
}

function LogBar({ logs, sought, hits, hit, go, seek, follows, follow, isWhole, showWhole }: BarProps): VNode {
  const state = useSignal(logs.state);
  return (
    <div class="bar">
      <input
        type="search"
        class="field"
        aria-label="Search the output"
        placeholder="Search output"
        value={sought}
        onInput={(event) => seek(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
        }}
      />
      {sought && (
        <span class="hits" role="status">
          {hits.length === 0 ? "no hit" : `${count(hit + 1)} of ${count(hits.length)}`}
          <button type="button" class="button bare" aria-label="Previous hit" onClick={() => go(-1)}>
            <Glyph name="back" />
          </button>
          <button type="button" class="button bare" aria-label="Next hit" onClick={() => go(1)}>
            <Glyph name="next" />
          </button>
        </span>
      )}
      <span class="space" />
      {state === "lost" && <span class="live live-lost">Reconnecting</span>}
      {logs.dropped > 0 && <span class="quiet">{plural(logs.dropped, "earlier line")} not kept here</span>}
      <button type="button" class="chip" aria-pressed={isWhole} onClick={() => showWhole(!isWhole)}>
        Whole run
      </button>
      <button type="button" class="chip" aria-pressed={follows} onClick={() => follow(!follows)}>
        <Glyph name={follows ? "pause" : "play"} /> {follows ? "Following" : "Follow"}
      </button>
    </div>
  );
}

interface TextProps {
  lines: readonly LogLine[];
  version: number;
  sought: string;
  current: number;
  follows: boolean;
  follow: (on: boolean) => void;
  isWhole: boolean;
}

const NEAR_END = 4;

function LogText({ lines, version, sought, current, follows, follow, isWhole }: TextProps): VNode {
  const scrolled = useWindow(lines.length, LINE_HEIGHT);
  const moved = useRef(0);
  useLayoutEffect(() => {
    const element = scrolled.ref.current;
    if (!element || !follows) return;
    element.scrollTop = element.scrollHeight;
    moved.current = element.scrollTop;
  }, [lines.length, version, follows]);
  useLayoutEffect(() => {
    const element = scrolled.ref.current;
    if (element && current >= 0) element.scrollTop = scrollTo(current, element.scrollTop, element.clientHeight, LINE_HEIGHT);
  }, [current]);
  const onScroll = (): void => {
    scrolled.onScroll();
    const element = scrolled.ref.current!;
    const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - NEAR_END;
    if (follows && element.scrollTop < moved.current - NEAR_END) follow(false);
    else if (!follows && isAtEnd && current < 0) follow(true);
    moved.current = element.scrollTop;
  };
  return (
    <div class="log-text" ref={scrolled.ref} onScroll={onScroll} tabIndex={0} role="log" aria-label="Output" aria-live="off">
      <Lines
        total={lines.length}
        lineHeight={LINE_HEIGHT}
        scrolled={scrolled}
        line={(index, style) => {
          const line = lines[index]!;
          return (
            <div key={index} class={`log-line${line.stream === "stderr" ? " stderr" : ""}${index === current ? " current" : ""}`} style={style}>
              <time>{line.at_ms > 0 ? clock(line.at_ms) : "            "}</time>
              {isWhole && <span class="who">{line.action}</span>}
              <span class="said">
                {line.stream === "stderr" && <span class="unseen">stderr: </span>}
                {hitsIn(line.text, sought).map((piece, at) => (at % 2 ? <mark key={at}>{piece}</mark> : piece))}
              </span>
            </div>
          );
        }}
      />
    </div>
  );
}
