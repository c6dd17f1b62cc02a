/** Picks the host: kernel stamps where they work, else the plain adapter of this runtime. */
import { HostError } from '../errors.ts';
import { bunHost } from './bun.ts';
import { denoHost } from './deno.ts';
import { linuxHost } from './linux/host.ts';
import { nodeHost } from './node.ts';
import type { Host } from './udp.ts';

/**
 * Whose stamps are wished for: `auto` takes the kernel's where a self-test packet on loopback shows
 * that they work, `kernel` insists on them, `plain` does without.
 */
export type Stamps = 'auto' | 'kernel' | 'plain';
export const STAMPS: readonly Stamps[] = ['auto', 'kernel', 'plain'];

/**
 * Makes a host for this runtime.
 * @throws HostError if the kernel's stamps are insisted on and do not work
 */
export function chooseHost(stamps: Stamps = 'auto'): Host {
  if (stamps === 'plain') return plainHost();
  const found = linuxHost();
  if (typeof found !== 'string') return found;
  if (stamps === 'kernel') throw new HostError(found);
  return { ...plainHost(), whyPlain: found };
}

/** The plain adapter, by what is there, not by what the runtime calls itself: Deno, Bun or Node. */
export function plainHost(): Host {
  if ('Deno' in globalThis) return denoHost();
  if ('Bun' in globalThis) return bunHost();
  return nodeHost();
}
