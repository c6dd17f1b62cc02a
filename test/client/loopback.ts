/** What tests of the library share that run over real loopback sockets. */
import * as assert from 'uvu/assert';
import { chooseHost } from '../../src/udp/choose.ts';

/** Of whichever runtime this is. */
export const host = chooseHost();

/** @returns what gives pairs of ports in turn, from anywhere in `from` … `from` + `range` on */
export function portsFrom(from: number, range: number): () => { event: number; general: number } {
  let last = from + 2 * Math.floor((Math.random() * range) / 2);
  return () => {
    last += 2;
    return { event: last, general: last + 1 };
  };
}

export const pause = (ms: number) => new Promise<void>((resolve) => host.setTimer(resolve, ms));

/** Fails with `why` after 20 s. */
export async function until(what: () => boolean, why = () => 'never came'): Promise<void> {
  for (let turn = 0; turn < 800 && !what(); turn++) await pause(25);
  assert.ok(what(), why());
}
