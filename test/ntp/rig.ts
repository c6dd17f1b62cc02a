/** A client in logical time: a driver that keeps the contract of machine.ts and writes all down. */
import type { Datagram, Output, StampKind } from '../../src/machine.ts';
import {
  type ClientConfig,
  createNtpClient,
  type NtpClient,
  nextTimer,
  stepNtpClient,
} from '../../src/ntp/client.ts';
import type { ServerConfig } from '../../src/ntp/server.ts';
import { type PathKey, pathKey, pathParts } from '../../src/path.ts';
import { stamp, type Tick, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { answerTo, stampsAt } from './wire.ts';

export const S = 1e9;

export interface Sent {
  atS: number;
  path: PathKey;
  bytes: Uint8Array;
  context: number;
}

export interface Rig {
  client: NtpClient;
  nowNs: Tick;
  sent: Sent[];
  outputs: Output[];
  timerNs: Tick | null;
  /** Whose stamps of sending and of receiving are from now on. */
  kinds: [StampKind | undefined, StampKind | undefined];
  /** Steps the machine and files its outputs; transmits are reported `sent` at once. */
  feed(outputs: Output[]): Output[];
  /** Lets logical time pass; `answer` may return what comes back 20 ms after a request. */
  run(untilS: number, answer?: (sent: Sent) => Uint8Array | null): void;
  datagram(path: PathKey, bytes: Uint8Array, but?: { port?: number }): Output[];
  /** The request now in flight on a path. */
  inFlight(path: PathKey): Sent;
}

export const DEFAULTS: ClientConfig = {
  paths: [{ remote: { ip: '192.0.2.1', port: 123 }, localIp: '198.51.100.7' }],
  minPollLog2S: 6,
  maxPollLog2S: 10,
  budget: 'shared',
  ownAddresses: [],
  nowNs: tick(0),
  maxPaths: 64,
};

/** A server for everybody: stratum 1, nothing lost on the way to it. */
export const OPEN_SERVER: ServerConfig = {
  epochS: 1700000000, // e8fe6f80 in NTP
  source: {
    leap: 0,
    stratum: 1,
    rootDelayS: 0,
    rootDispersionS: 0,
    refid: [71, 80, 83, 0],
    precisionLog2S: -23,
    referenceNs: null,
  },
  rateLimit: null,
  access: { allow: [], deny: [] },
};

export const pairs = (remotes: string[], locals: string[]): ClientConfig['paths'] =>
  remotes.flatMap((ip) => locals.map((localIp) => ({ remote: { ip, port: 123 }, localIp })));

/** The local clock of the rig shows the tick. */
export function createRig(config: Partial<ClientConfig> = {}): Rig {
  const client = createNtpClient({ ...DEFAULTS, ...config });
  const random = createRandom(1);
  const rig: Rig = {
    client,
    nowNs: config.nowNs ?? tick(0),
    sent: [],
    outputs: [],
    kinds: [undefined, undefined],
    timerNs: nextTimer(client),
    feed(outputs) {
      const timers = outputs.filter((output) => output.type === 'timer');
      if (timers.length > 1) throw new Error('more than one timer output in a step');
      for (const output of outputs) {
        rig.outputs.push(output);
        if (output.type === 'timer') rig.timerNs = output.atNs;
        if (output.type !== 'transmit' || output.context === undefined) continue;
        const { bytes, context } = output;
        const { ip, port } = output.from;
        const path = pathKey(output.to.ip, ip, port === 0 ? undefined : port);
        rig.sent.push({ atS: rig.nowNs / S, path, bytes, context });
        const sentAtNs = stamp(rig.nowNs);
        stepNtpClient(client, {
          ...{ type: 'sent', context, sentAtNs, nowNs: rig.nowNs },
          stampKind: rig.kinds[0],
        });
      }
      return outputs;
    },
    run(untilS, answer = () => null) {
      const pending: { atNs: number; path: PathKey; bytes: Uint8Array }[] = [];
      for (;;) {
        const timerNs = rig.timerNs ?? Number.POSITIVE_INFINITY;
        const arrival = pending[0];
        if (arrival !== undefined && arrival.atNs <= timerNs && arrival.atNs <= untilS * S) {
          pending.shift();
          rig.nowNs = tick(Math.max(arrival.atNs, rig.nowNs));
          rig.datagram(arrival.path, arrival.bytes);
          continue;
        }
        if (timerNs > untilS * S) break;
        rig.nowNs = tick(Math.max(timerNs, rig.nowNs));
        rig.timerNs = null;
        const before = rig.sent.length;
        const input = { type: 'timeout', nowNs: rig.nowNs, random: random.bytes(64) } as const;
        rig.feed(stepNtpClient(client, input));
        for (const sent of rig.sent.slice(before)) {
          const bytes = answer(sent);
          if (bytes !== null) pending.push({ atNs: rig.nowNs + 0.02 * S, path: sent.path, bytes });
        }
      }
      rig.nowNs = tick(Math.max(untilS * S, rig.nowNs));
    },
    datagram(path, bytes, but = {}) {
      const { remoteIp: ip, localIp, localPort = 40123 } = pathParts(path);
      const datagram: Datagram = {
        bytes,
        local: { ip: localIp, port: localPort },
        remote: { ip, port: but.port ?? 123 },
        receivedAtNs: stamp(rig.nowNs),
        stampKind: rig.kinds[1],
      };
      return rig.feed(stepNtpClient(client, { type: 'datagram', datagram, nowNs: rig.nowNs }));
    },
    inFlight(path) {
      const sent = rig.sent.filter((one) => one.path === path).at(-1);
      if (sent === undefined) throw new Error(`no request on ${path}`);
      return sent;
    },
  };
  return rig;
}

/** What a server sends back to a request it got 10 ms after it left. */
export const honest = (sent: Sent): Uint8Array => answerTo(sent.bytes, stampsAt(sent.atS + 0.01));

/** The protocol state: everything but counters. */
export const protocolState = (client: NtpClient): unknown =>
  JSON.parse(
    JSON.stringify(client, (name, value) =>
      name === 'tally' || name === 'strays' ? undefined : value,
    ),
  );
