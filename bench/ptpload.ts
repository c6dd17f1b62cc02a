/**
 * Load generator for PTP masters on loopback: so many slaves, each with an address and an identity
 * of its own, ask by unicast negotiation for Announce, Sync and Delay_Resp, send their Delay_Reqs,
 * and count what comes while they have it. They take no time from it.
 */
import { createSocket, type Socket } from 'node:dgram';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHeader } from '../src/ptp/header.ts';
import { ALL_PORTS, type PortIdentity } from '../src/ptp/identity.ts';
import { readMessage, writeMessage } from '../src/ptp/message.ts';
import { codeOf } from '../src/ptp/negotiation.ts';
import { NO_TIMESTAMP } from '../src/ptp/timestamp.ts';
import type { Tlv } from '../src/ptp/tlv.ts';
import { cpuSecondsOf } from './machine.ts';

export interface PtpLoadOptions {
  readonly master: string;
  /** Of both ends. */
  readonly ports: { readonly event: number; readonly general: number };
  readonly slaves: number;
  /** Of Sync and Delay_Req. (log2 s) */
  readonly logInterval: number;
  readonly measureMs: number;
  /** The master's process. */
  readonly pid: number;
}

export interface PtpLoadFigures {
  /** Slaves that were granted everything. */
  readonly granted: number;
  /** While it was measured: Announce, Sync, Follow_Up, Delay_Resp. */
  readonly counts: Readonly<Record<Counted, number>>;
  readonly requests: number;
  readonly tookMs: number;
  /** CPU time that this process spent meanwhile, and the master; null where there is no /proc. */
  readonly loadCpuS: number;
  readonly masterCpuS: number | null;
}

export type Counted = 'Announce' | 'Sync' | 'Follow_Up' | 'Delay_Resp';
/** messageType nibbles. */
const COUNTED: Readonly<Record<number, Counted>> = {
  11: 'Announce',
  0: 'Sync',
  8: 'Follow_Up',
  9: 'Delay_Resp',
};
const ASKED = ['Announce', 'Sync', 'Delay_Resp'] as const;
const DURATION_S = 300;
/** Messages sent at once: a master's socket buffer holds few more. */
const BURST = 16;
const ASK_MS = 4000;
const AGAIN_MS = 400;
/** Our master's caps leave newcomers one half; who comes back after a quarter of its grant is none. */
const RENEW_MS = 1800;
const QUIET_MS = 150;
const SEQUENCE = 30;

interface Slave {
  readonly event: Socket;
  readonly general: Socket;
  readonly request: Uint8Array;
  readonly cancel: Uint8Array;
  readonly delayReq: Uint8Array;
  readonly granted: Set<number>;
  grantedMs: number;
  sequence: number;
}

/** Address of slave k: each in a /24 of its own. */
export const slaveIp = (k: number): string => `127.${1 + (k >> 8)}.${k & 255}.1`;

function identityOf(k: number): PortIdentity {
  const hex = (k + 1).toString(16).padStart(6, '0');
  return { clockIdentity: `0200b3.fffe.${hex}`, portNumber: 1 };
}

/** @throws what the sockets throw (address in use, too many open files) */
export async function generatePtp(options: PtpLoadOptions): Promise<PtpLoadFigures> {
  const slaves: Slave[] = [];
  const counts: Record<Counted, number> = { Announce: 0, Sync: 0, Follow_Up: 0, Delay_Resp: 0 };
  let heard = 0;
  const onMessage = (slave: Slave) => (bytes: Uint8Array) => {
    heard++;
    const type = (bytes[0] ?? 0) & 0xf;
    const counted = COUNTED[type];
    if (counted !== undefined) counts[counted]++;
    else if (type === 0xc) noteGrants(slave, bytes);
  };
  try {
    for (let k = 0; k < options.slaves; k++) slaves.push(await openSlave(k, options, onMessage));
    const { master, ports, logInterval, measureMs, pid } = options;
    const toGeneral = (slave: Slave, bytes: Uint8Array) =>
      slave.general.send(bytes, ports.general, master);

    await askAll(slaves, toGeneral);
    const granted = slaves.filter(hasAll);
    const perMs = (granted.length * 2 ** -logInterval) / 1000;
    await sendRequests(granted, options, perMs, 2 ** logInterval * 1000);
    const before = { ...counts };
    const masterBefore = cpuSecondsOf(pid);
    const cpu = process.cpuUsage();
    const started = performance.now();
    const requests = await sendRequests(granted, options, perMs, measureMs);
    const tookMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    const masterAfter = cpuSecondsOf(pid);
    const during = { ...counts };
    await cancelAll(slaves, toGeneral, () => heard);
    const taken = (type: Counted) => during[type] - before[type];
    return {
      granted: granted.length,
      counts: {
        Announce: taken('Announce'),
        Sync: taken('Sync'),
        Follow_Up: taken('Follow_Up'),
        Delay_Resp: taken('Delay_Resp'),
      },
      requests,
      tookMs,
      loadCpuS: (user + system) / 1e6,
      masterCpuS: masterBefore === null || masterAfter === null ? null : masterAfter - masterBefore,
    };
  } finally {
    await Promise.all(slaves.flatMap(({ event, general }) => [closed(event), closed(general)]));
  }
}

async function openSlave(
  k: number,
  { ports, logInterval }: PtpLoadOptions,
  onMessage: (slave: Slave) => (bytes: Uint8Array) => void,
): Promise<Slave> {
  const sourcePortIdentity = identityOf(k);
  const ip = slaveIp(k);
  const flags = { unicast: true };
  const signaling = (tlvs: readonly Tlv[]): Uint8Array => {
    const header = createHeader('Signaling', { sourcePortIdentity, sequenceId: 1, flags });
    return writeMessage({ type: 'Signaling', header, tlvs, targetPortIdentity: ALL_PORTS });
  };
  const slave: Slave = {
    event: createSocket({ type: 'udp4', reuseAddr: true }),
    general: createSocket({ type: 'udp4', reuseAddr: true }),
    request: signaling(
      ASKED.map((type) => ({
        type: 'REQUEST_UNICAST_TRANSMISSION',
        messageType: codeOf(type),
        logInterMessagePeriod: type === 'Announce' ? 0 : logInterval,
        durationField: DURATION_S,
      })),
    ),
    cancel: signaling(
      ASKED.map((type) => ({
        type: 'CANCEL_UNICAST_TRANSMISSION',
        messageType: codeOf(type),
        maintainRequest: false,
        maintainGrant: false,
      })),
    ),
    delayReq: writeMessage({
      ...{ type: 'Delay_Req', tlvs: [], originTimestamp: NO_TIMESTAMP },
      header: createHeader('Delay_Req', { sourcePortIdentity, sequenceId: 0, flags }),
    }),
    granted: new Set(),
    grantedMs: 0,
    sequence: 0,
  };
  for (const [socket, port] of [
    [slave.event, ports.event],
    [slave.general, ports.general],
  ] as const) {
    socket.on('message', onMessage(slave));
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, ip, () => resolve());
    });
    socket.removeAllListeners('error').on('error', () => {});
  }
  return slave;
}

function noteGrants(slave: Slave, bytes: Uint8Array): void {
  const message = readMessage(bytes);
  if (typeof message === 'string') return;
  for (const tlv of message.tlvs) {
    if (tlv.type !== 'GRANT_UNICAST_TRANSMISSION') continue;
    if (tlv.durationField === 0) continue;
    slave.granted.add(tlv.messageType);
    slave.grantedMs = performance.now();
  }
}

const hasAll = ({ granted }: Slave): boolean => granted.size === ASKED.length;

/** Asks until all have everything, or nothing more comes of it; renews while others still wait. */
async function askAll(
  slaves: readonly Slave[],
  send: (slave: Slave, bytes: Uint8Array) => void,
): Promise<void> {
  const started = performance.now();
  for (let turnMs = started; turnMs - started < ASK_MS; turnMs = performance.now()) {
    if (slaves.every(hasAll)) return;
    const due = slaves.filter((slave) => !hasAll(slave) || turnMs - slave.grantedMs > RENEW_MS);
    for (const [n, slave] of due.entries()) {
      send(slave, slave.request);
      if (n % BURST === BURST - 1) await sleep(2);
    }
    for (let waited = 0; waited < AGAIN_MS && !slaves.every(hasAll); waited += 20) await sleep(20);
  }
}

/** Delay_Reqs of all in turn, evenly, for `forMs`. @returns how many */
function sendRequests(
  slaves: readonly Slave[],
  { ports, master }: PtpLoadOptions,
  perMs: number,
  forMs: number,
): Promise<number> {
  const started = performance.now();
  let sent = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const ms = performance.now() - started;
      for (const due = Math.min(ms, forMs) * perMs; sent < due && slaves.length > 0; sent++) {
        const slave = slaves[sent % slaves.length];
        if (slave === undefined) break;
        const bytes = Uint8Array.from(slave.delayReq); // what is under way is not touched
        slave.sequence = (slave.sequence + 1) & 0xffff;
        bytes[SEQUENCE] = slave.sequence >> 8;
        bytes[SEQUENCE + 1] = slave.sequence & 0xff;
        slave.event.send(bytes, ports.event, master);
      }
      if (ms < forMs) return;
      clearInterval(timer);
      resolve(sent);
    }, 1);
  });
}

/** Gives everything back, and waits until the master is silent. */
async function cancelAll(
  slaves: readonly Slave[],
  send: (slave: Slave, bytes: Uint8Array) => void,
  heard: () => number,
): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    for (const [n, slave] of slaves.entries()) {
      send(slave, slave.cancel);
      if (n % BURST === BURST - 1) await sleep(2);
    }
    await sleep(QUIET_MS);
    const before = heard();
    await sleep(QUIET_MS);
    if (heard() === before) return;
  }
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.close(() => resolve()));
