/** Things that wait for an answer, oldest first, bounded: what a stranger sends never fills memory. */

export interface Waiting<T> {
  readonly byKey: Map<string, T[]>;
  readonly queue: { readonly key: string; readonly item: T; readonly atS: number }[];
  /** How many at the front of the queue are done with. */
  done: number;
}

const MOST = 65_536;
/** Of one key: more can only be somebody's mischief. */
const MOST_ALIKE = 32;

export const createWaiting = <T>(): Waiting<T> => ({ byKey: new Map(), queue: [], done: 0 });

export function wait<T>(waiting: Waiting<T>, key: string, item: T, atS: number): void {
  const list = waiting.byKey.get(key);
  if (list === undefined) waiting.byKey.set(key, [item]);
  else if (list.push(item) > MOST_ALIKE) list.shift();
  waiting.queue.push({ key, item, atS });
  if (waiting.queue.length - waiting.done > MOST) forget(waiting);
}

export const waitingFor = <T>(waiting: Waiting<T>, key: string): readonly T[] =>
  waiting.byKey.get(key) ?? [];

/** Takes out all that began to wait before `atS` and hands them over, oldest first. */
export function expire<T>(waiting: Waiting<T>, atS: number, onExpired: (item: T) => void): void {
  for (;;) {
    const first = waiting.queue[waiting.done];
    if (first === undefined || first.atS >= atS) return;
    forget(waiting);
    onExpired(first.item);
  }
}

function forget<T>(waiting: Waiting<T>): void {
  const first = waiting.queue[waiting.done];
  if (first === undefined) return;
  waiting.done++;
  const rest = (waiting.byKey.get(first.key) ?? []).filter((item) => item !== first.item);
  if (rest.length === 0) waiting.byKey.delete(first.key);
  else waiting.byKey.set(first.key, rest);
  if (waiting.done < 1024) return;
  waiting.queue.splice(0, waiting.done);
  waiting.done = 0;
}

/** A map that forgets what was put into it first once it is full. */
export function remember<T>(map: Map<string, T>, key: string, value: T, most = 8192): T {
  if (!map.has(key) && map.size >= most) {
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }
  map.set(key, value);
  return value;
}
