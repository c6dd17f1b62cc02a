/** Picks the plain adapter of the runtime this is, by what is there, not by what it calls itself. */
import { bunHost } from './bun.ts';
import { denoHost } from './deno.ts';
import { nodeHost } from './node.ts';
import type { Host } from './udp.ts';

/** Makes a host for this runtime: Deno, Bun, or else Node. */
export function chooseHost(): Host {
  if ('Deno' in globalThis) return denoHost();
  if ('Bun' in globalThis) return bunHost();
  return nodeHost();
}
