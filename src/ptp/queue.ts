/** What is due next: a binary heap in a plain array, the earliest at index 0. */
import type { Tick } from '../units.ts';

export interface Due {
  dueNs: Tick;
}

/** Orders an array anew after any change. */
export function order(heap: Due[]): void {
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at);
}

/** Restores the order after the entry at `at` became due later. */
export function sink(heap: Due[], at: number): void {
  const entry = heap[at];
  if (entry === undefined) return;
  let place = at;
  for (;;) {
    let child = 2 * place + 1;
    const left = heap[child];
    const right = heap[child + 1];
    let next = left;
    if (right !== undefined && left !== undefined && right.dueNs < left.dueNs) {
      next = right;
      child++;
    }
    if (next === undefined || next.dueNs >= entry.dueNs) break;
    heap[place] = next;
    place = child;
  }
  heap[place] = entry;
}

/** Removes the earliest. */
export function removeFirst(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  sink(heap, 0);
}
