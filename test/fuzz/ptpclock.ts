/**
 * Whole PTP clocks among honest peers and strangers: a live session on logical time, mutations of
 * what is on its wires, and a twin of the clock under attack that never hears what that one rejects.
 */
import type { Address, Input, Output } from '../../src/machine.ts';
import {
  createOrdinaryClock,
  type OrdinaryClock,
  type OrdinaryClockConfig,
  stepOrdinaryClock,
} from '../../src/ptp/clock.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { tidy } from '../../src/ptp/hear.ts';
import { ALL_PORTS } from '../../src/ptp/identity.ts';
import { MANAGEMENT_IDS } from '../../src/ptp/management.ts';
import { UNTOLD_CORRECTION } from '../../src/ptp/measure.ts';
import { readMessage, writeMessage } from '../../src/ptp/message.ts';
import { stamp, tick } from '../../src/units.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import { addClock, createWorld, type Host, run, step, type World } from '../ptp/clockrig.ts';
import { EPOCH_S, TAI } from '../ptp/slaverig.ts';
import { CAPTURED } from '../ptp/wire.ts';
import { createRandom, type Random } from './random.ts';

type Config = Partial<OrdinaryClockConfig> & Pick<OrdinaryClockConfig, 'mode' | 'addresses'>;

/** Intervals at which every kind of message is under way all the time. */
export const BUSY = {
  logAnnounceInterval: -2,
  logSyncInterval: -4,
  logMinDelayReqInterval: -4,
  logMinPdelayReqInterval: -4,
} as const;

/** Addresses that strangers make up: few, so that they come again. */
const STRANGERS = 48;
/** Messages kept of each type as patterns. */
const PATTERNS = 32;

const captures = Object.values(CAPTURED).map(fromHex);
const gets = Object.values(MANAGEMENT_IDS).flatMap((managementId) =>
  (['GET', 'SET', 'COMMAND'] as const).map((action) =>
    writeMessage({
      type: 'Management',
      header: createHeader('Management', {
        sourcePortIdentity: { clockIdentity: 'ae600b.fffe.70c1ab', portNumber: 4711 },
        sequenceId: managementId & 0xff,
      }),
      targetPortIdentity: ALL_PORTS,
      startingBoundaryHops: 1,
      boundaryHops: 1,
      action,
      tlvs: [{ type: 'MANAGEMENT', managementId, dataField: new Uint8Array(0) }],
    }),
  ),
);

/**
 * Reasons that come after a message was used, or that are a count themselves: the halves of a
 * measurement are gone then, a rate is used up, a newcomer has lost its place.
 */
const LATE: ReadonlySet<string> = new Set([
  'unpaired',
  'zero-timestamp',
  'utc',
  'correction',
  'timestamp',
  'hold',
  'leap-second',
  'rate-limited',
  'server-full',
]);

/** True if a datagram was good for nothing, and so must leave no trace. */
export function isReject(bytes: Uint8Array, outputs: readonly Output[]): boolean {
  const message = readMessage(bytes);
  if (typeof message === 'string') return true;
  const isUntold = message.header.correctionField === UNTOLD_CORRECTION;
  const isEarly = ({ type, reason }: { type: string; reason?: string }): boolean =>
    type === 'drop' && (!LATE.has(reason ?? '') || (isUntold && reason === 'correction'));
  // Of several TLVs one may be used, an acknowledgement without a word, and another refused.
  const parts = message.type === 'Signaling' ? message.tlvs.length : 1;
  return outputs.length >= Math.max(parts, 1) && outputs.every(isEarly);
}

/** Counts, and who is watched because he is not to be used. */
const UNUSED: ReadonlySet<string> = new Set([
  ...['tally', 'strays', 'rogues', 'unacceptable', 'twins'],
]);

/** Everything but what only counts. */
export const stateText = (clock: OrdinaryClock): string =>
  JSON.stringify(clock, (name, value) => {
    if (UNUSED.has(name)) return undefined;
    if (value instanceof Map) return [...value];
    return typeof value === 'bigint' ? `${value}n` : value;
  });

/** Length of every list and table in a state, by the names that lead to it. */
export function tablesOf(value: unknown, name = '', sizes = new Map<string, number>()) {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return sizes;
  const isTable = value instanceof Map || Array.isArray(value) || TABLES.has(name);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  if (isTable) sizes.set(name, Math.max(sizes.get(name) ?? 0, entries.length));
  for (const [key, each] of entries) {
    tablesOf(each, isTable ? `${name}.*` : `${name}.${String(key)}`, sizes);
  }
  return sizes;
}

/** Records whose names are data. */
const TABLES: ReadonlySet<string> = new Set([
  ...['.places', '.places.*.ips', '.slave.index', '.slave.times', '.slave.unstamped'],
]);

export interface Siege {
  readonly world: World;
  readonly random: Random;
  readonly target: Host;
  readonly twin: OrdinaryClock;
  /** By outcome. */
  readonly counts: Record<string, number>;
  /** Largest size of each table so far. */
  readonly sizes: Map<string, number>;
  /** What the target sent, octets by address. */
  readonly sent: Map<string, number>;
  /** The last datagram, for reports. */
  last: string;
}

/** A clock under siege, in a world where its peers are honest. */
export function besiege(peers: readonly Config[], config: Config, seed: number): Siege {
  const world = createWorld();
  for (const peer of peers) addClock(world, { port: BUSY, ...peer });
  const target = addClock(world, { port: BUSY, ...config });
  const twin = createOrdinaryClock({
    ...{ own: TAI, epochS: EPOCH_S, nowNs: world.nowNs, port: BUSY },
    ...config,
  });
  const siege: Siege = {
    ...{ world, target, twin },
    random: createRandom(seed),
    counts: {},
    sizes: new Map(),
    sent: new Map(),
    last: '',
  };
  world.onStep = (host, input, outputs) => {
    if (host === target) mirror(siege, input, outputs);
  };
  return siege;
}

/** The twin does what the target did, unless that was a reject. */
function mirror(siege: Siege, input: Input, outputs: readonly Output[]): void {
  for (const output of outputs) {
    const outcome = output.type === 'drop' ? output.reason : output.type;
    siege.counts[outcome] = (siege.counts[outcome] ?? 0) + 1;
    if (output.type !== 'transmit') continue;
    const { ip } = output.to;
    siege.sent.set(ip, (siege.sent.get(ip) ?? 0) + output.bytes.length);
  }
  if (input.type === 'datagram' && isReject(input.datagram.bytes, outputs)) return;
  const others = stepOrdinaryClock(siege.twin, input).filter(isUsed);
  const ours = outputs.filter(isUsed);
  const differs =
    others.length !== ours.length ||
    others.some((other, n) => {
      const one = ours[n];
      if (other.type !== one?.type) return true;
      return other.type === 'transmit' && toHex(other.bytes) !== toHex((one as typeof other).bytes);
    });
  if (differs) {
    throw new Error(`a reject has left a trace: ${words(outputs)} here, ${words(others)} without`);
  }
}

/** That somebody is ignored is told to people, and changes nothing. */
const isUsed = (output: Output): boolean =>
  output.type !== 'port' ||
  !['rogue-master', 'unacceptable-master', 'duplicate-identity'].includes(output.event);

const words = (outputs: readonly Output[]): string =>
  outputs.map((output) => ('reason' in output ? output.reason : output.type)).join();

/** Honest time passes. */
export function pass(siege: Siege, byNs: number): void {
  const { world } = siege;
  run(world, (world.nowNs + byNs) / 1e9);
  for (const host of world.hosts) host.told.length = 0;
  if (world.seen.length > 2 * PATTERNS) world.seen.splice(0, world.seen.length - PATTERNS);
}

/** One datagram of a stranger, or of somebody who claims to be a peer. */
export function strike(siege: Siege): void {
  const { world, target, random } = siege;
  const { addresses, ports } = target.clock;
  const bytes = pattern(siege);
  const kind = random.below(16);
  if (kind < 11) mutate(bytes, random);
  const length = kind === 11 ? random.below(bytes.length + 1) : bytes.length;
  const isGeneral = random.below(32) === 0 ? random.below(2) : ((bytes[0] ?? 0) & 8) >> 3;
  const port = isGeneral === 1 ? ports.general : ports.event;
  const local: Address = { ip: addresses[random.below(addresses.length)] ?? '', port };
  const remote: Address = { ip: source(siege), port };
  const group = random.below(8) === 0 ? { group: '224.0.1.129' } : {};
  const receivedAtNs = stamp(world.nowNs + random.below(1000));
  const datagram = { bytes: bytes.subarray(0, length), local, remote, receivedAtNs, ...group };
  siege.last = `${remote.ip} > ${local.ip}:${port} ${toHex(datagram.bytes)}`;
  step(world, target, { type: 'datagram', datagram, nowNs: world.nowNs });
}

function pattern({ world, random }: Siege): Uint8Array {
  const kind = random.below(32);
  if (kind === 0) return random.bytes(random.below(120));
  if (kind < 3) return (captures[random.below(captures.length)] ?? new Uint8Array(0)).slice();
  if (kind === 3) return (gets[random.below(gets.length)] ?? new Uint8Array(0)).slice();
  const { bytes } = world.seen[random.below(world.seen.length)] ?? { bytes: new Uint8Array(0) };
  return bytes.slice();
}

const ODD = ['0.0.0.0', '255.255.255.255', '224.0.1.129', '::', '::1', 'fe80::1%eth0'];

function source({ world, target, random }: Siege): string {
  const kind = random.below(16);
  if (kind === 0) return ODD[random.below(ODD.length)] ?? '';
  if (kind === 1) return target.clock.primaryIp;
  if (kind < 9) {
    const peers = world.hosts.filter((host) => host !== target);
    const { addresses } = peers[random.below(peers.length)]?.clock ?? target.clock;
    return addresses[random.below(addresses.length)] ?? '';
  }
  return `203.0.${random.below(4)}.${random.below(STRANGERS / 4) + 1}`;
}

const EDGES: [number, ...number[]] = [0, 0xff, 0x80, 0x7f, 1];

/** A few octets, mostly of the header, of one field or another; some lengths; some types. */
function mutate(bytes: Uint8Array, random: Random): void {
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(random.below(3) === 0 ? 34 : bytes.length);
    const kind = random.below(8);
    if (kind < 3) bytes[at] = random.below(256);
    else if (kind < 5) bytes[at] = random.pick(EDGES);
    else if (kind === 5) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    else if (kind === 6)
      bytes[31] = (bytes[31] ?? 0) + random.below(9) - 4; // sequenceId
    else bytes[0] = random.pick([0, 1, 2, 3, 8, 9, 10, 11, 12, 13]);
  }
}

/** What is wrong, or null. */
export function complaint({ target, twin, world, sizes }: Siege): string | null {
  for (const { slave } of [target.clock, twin]) {
    for (const path of slave.paths) tidy(slave, path, tick(world.nowNs));
  }
  tablesOf(target.clock, '', sizes);
  const a = stateText(target.clock);
  const b = stateText(twin);
  if (a === b) return null;
  let at = 0;
  while (a[at] === b[at]) at++;
  const from = Math.max(0, at - 200);
  return `a reject has left a trace: ${a.slice(from, at + 60)}\nwithout it: ${b.slice(from, at + 60)}`;
}
