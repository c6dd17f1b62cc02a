import { plainHost } from '../../src/udp/choose.ts';
import { nodeHost } from '../../src/udp/node.ts';
import { groupSuite } from './groups.ts';
import { udpSuite } from './suite.ts';

udpSuite(plainHost().name, plainHost);
groupSuite(plainHost().name, plainHost);
// Deno without --unstable-net falls back to this one; Bun must not be worse off with it either.
if ('Deno' in globalThis) {
  udpSuite('node:dgram in Deno', () => nodeHost());
  groupSuite('node:dgram in Deno', () => nodeHost());
}
