/** Shared by the tests of hosts: what a socket received, and waits on the host's own clock. */
import * as assert from 'uvu/assert';
import type { Datagram } from '../../src/machine.ts';
import type { Handlers, Host } from '../../src/udp/udp.ts';
import type { Stamp } from '../../src/units.ts';

export const PATIENCE_MS = 5000;

/** Received datagrams with their bytes copied, and all codes, in the order they came. */
export interface Inbox extends Handlers {
  readonly datagrams: Datagram[];
  readonly codes: string[];
}

export function makeInbox(): Inbox {
  const datagrams: Datagram[] = [];
  const codes: string[] = [];
  return {
    datagrams,
    codes,
    onDatagram: (datagram) => {
      datagrams.push({ ...datagram, bytes: Uint8Array.from(datagram.bytes) });
    },
    onError: (code) => {
      codes.push(code);
    },
  };
}

export function waitsOf(host: Host) {
  const sleep = (ms: number) => new Promise<void>((resolve) => host.setTimer(resolve, ms));
  return {
    sleep,
    /** Waits until `done()`; gives up silently, the assertion that follows tells what is missing. */
    async until(done: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
      const from = host.clock.tick();
      while (!done() && host.clock.tick() - from < patienceMs * 1e6) await sleep(1);
    },
  };
}

/** The stamp of a send that must not be refused. */
export function sent(result: Stamp | string): Stamp {
  if (typeof result === 'string') assert.unreachable(`send was refused: ${result}`);
  return result as Stamp;
}
