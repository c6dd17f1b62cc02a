/** `--stamps`: whose stamps of sending and receiving a command takes. */
import { chooseHost, STAMPS } from '../udp/choose.ts';
import type { Host } from '../udp/udp.ts';
import type { Args, Option } from './args.ts';
import type { Io } from './io.ts';

export const STAMPS_OPTION: Readonly<Record<'stamps', Option>> = {
  stamps: {
    type: 'string',
    value: 'KIND',
    help: 'kernel, plain (taken by this process) or auto (default: kernel where it works)',
  },
};

/**
 * The host that was asked for. If it is the plain one though nobody asked for that, it says on
 * stderr why, once it is used: a mistake elsewhere is told alone.
 */
export function hostOf(args: Args, io: Io): Host {
  const host = chooseHost(args.choice('stamps', 'auto', STAMPS));
  if (host.whyPlain === undefined) return host;
  let isTold = false;
  return {
    ...host,
    async openUdp(local, handlers, options) {
      const udp = await host.openUdp(local, handlers, options);
      if (!isTold) io.err(`clockbraid: ${host.whyPlain}; stamps by ${host.name}\n`);
      isTold = true;
      return udp;
    },
  };
}
