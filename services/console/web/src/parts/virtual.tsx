/** A list of which only the lines that can be seen are in the document, however long it is. */

import type { ComponentChildren, RefObject, VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { windowOf } from "../pure/layout";

export interface Scrolled {
  /** The element that scrolls. */
  ref: RefObject<HTMLDivElement | null>;
  first: number;
  last: number;
  onScroll: () => void;
}

/** Which lines of `total` can be seen, kept up with scrolling and with the element's size. */
export function useWindow(total: number, lineHeight: number): Scrolled {
  const ref = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<readonly [number, number]>([0, 60]);
  const measure = useCallback(() => {
    const element = ref.current;
    if (!element) return;
    const [first, last] = windowOf(element.scrollTop, element.clientHeight, lineHeight, total);
    setRange((old) => (old[0] === first && old[1] === last ? old : [first, last]));
  }, [total, lineHeight]);
  useLayoutEffect(measure, [measure]);
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, [measure]);
  return { ref, first: Math.min(range[0], total), last: Math.min(range[1], total), onScroll: measure };
}

export interface LinesProps {
  total: number;
  lineHeight: number;
  scrolled: Scrolled;
  /** A line that stays in the document wherever the list is scrolled to: the one that has the focus. */
  also?: number;
  line: (index: number, style: { top: string; height: string }) => ComponentChildren;
}

/** The lines in their places, within an element as high as all of them. */
export function Lines({ total, lineHeight, scrolled, also, line }: LinesProps): VNode {
  const shown: ComponentChildren[] = [];
  const draw = (index: number): void => {
    shown.push(line(index, { top: `${index * lineHeight}px`, height: `${lineHeight}px` }));
  };
  if (also !== undefined && also >= 0 && also < scrolled.first) draw(also);
  for (let index = scrolled.first; index < scrolled.last; index += 1) draw(index);
  if (also !== undefined && also >= scrolled.last && also < total) draw(also);
  return (
    <div class="lines" role="presentation" style={{ height: `${total * lineHeight}px` }}>
      {shown}
    </div>
  );
}
