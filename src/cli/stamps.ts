/** `--stamps`, `--pump`: whose stamps a command takes, and how it fetches what has them. */
import { chooseHost, PUMPS, STAMPS } from '../udp/choose.ts';
import type { Host } from '../udp/udp.ts';
import type { Args, Option } from './args.ts';
import type { Io } from './io.ts';

export const STAMPS_OPTION: Readonly<Record<'stamps' | 'pump', Option>> = {
  stamps: {
    type: 'string',
    value: 'KIND',
    help: 'kernel, plain (taken by this process) or auto (default: kernel where it works)',
  },
  pump: {
    type: 'string',
    value: 'MODE',
    help: 'with kernel stamps: timer (default: look every few ms) or async (at once; not in Bun)',
  },
};

/**
 * The host that was asked for. If it is not quite that, it says on stderr why, once it is used: a
 * mistake elsewhere is told alone.
 */
export function hostOf(args: Args, io: Io): Host {
  const host = chooseHost(
    args.choice('stamps', 'auto', STAMPS),
    args.choice('pump', 'timer', PUMPS),
  );
  const why =
    host.whyPlain === undefined ? host.whyTimer : `${host.whyPlain}; stamps by ${host.name}`;
  if (why === undefined) return host;
  let isTold = false;
  return {
    ...host,
    async openUdp(local, handlers, options) {
      const udp = await host.openUdp(local, handlers, options);
      if (!isTold) io.err(`clockbraid: ${why}\n`);
      isTold = true;
      return udp;
    },
  };
}
