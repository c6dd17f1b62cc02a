/** Picks the host: kernel stamps where they work, else the plain adapter of this runtime. */
import { ConfigError, HostError } from '../errors.ts';
import { bunHost } from './bun.ts';
import { denoHost } from './deno.ts';
import { linuxHost } from './linux/host.ts';
import { nodeHost } from './node.ts';
import type { Host, PumpMode } from './udp.ts';

/**
 * Whose stamps are wished for: `auto` takes the kernel's where a self-test packet on loopback shows
 * that they work, `kernel` insists on them, `plain` does without.
 */
export type Stamps = 'auto' | 'kernel' | 'plain';
export const STAMPS: readonly Stamps[] = ['auto', 'kernel', 'plain'];
export const PUMPS: readonly PumpMode[] = ['timer', 'async'];

/**
 * Makes a host for this runtime.
 * @param pump of a host with kernel stamps; `async` where the runtime can (not Bun), else `timer`
 * @throws ConfigError for a word that is none of these, HostError if the kernel's stamps are
 *   insisted on and do not work
 */
export function chooseHost(stamps: Stamps = 'auto', pump: PumpMode = 'timer'): Host {
  requireOneOf('stamps', stamps, STAMPS);
  requireOneOf('pump', pump, PUMPS);
  if (stamps === 'plain') return plainHost();
  const found = linuxHost(pump);
  if (typeof found !== 'string') return found;
  if (stamps === 'kernel') throw new HostError(found);
  return { ...plainHost(), whyPlain: found };
}

function requireOneOf(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    throw new ConfigError(field, `one of ${allowed.join(', ')}`, value);
  }
}

/** The plain adapter, by what is there, not by what the runtime calls itself: Deno, Bun or Node. */
export function plainHost(): Host {
  if ('Deno' in globalThis) return denoHost();
  if ('Bun' in globalThis) return bunHost();
  return nodeHost();
}
