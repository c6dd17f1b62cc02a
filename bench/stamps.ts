/**
 * What is wrong with an offset for the stamps' sake: two processes of one runtime exchange
 * datagrams by the same clock, so the true offset is 0. All four stamps are the host's; that of the
 * answer's departure comes in the answer (basic, as NTP has it), in the next answer (interleaved)
 * and in a datagram after it (two-step, as PTP has it).
 */
import process from 'node:process';
import { chooseHost, type Stamps } from '../src/udp/choose.ts';
import type { Host, PumpMode, Udp } from '../src/udp/udp.ts';
import type { Stamp } from '../src/units.ts';

/** A host, and the address it binds. */
export interface End {
  readonly stamps: Stamps;
  readonly pump: PumpMode;
  readonly ip: string;
}

export interface StampsOptions extends End {
  /** The reflector's. */
  readonly to: { readonly ip: string; readonly port: number };
  readonly count: number;
  readonly everyMs: number;
}

export const FORMS = ['basic', 'interleaved', 'twoStep'] as const;

/** Offsets as measured, s. */
export interface StampsFigures extends Readonly<Record<(typeof FORMS)[number], readonly number[]>> {
  readonly host: string;
  /** From the stamp of a receipt to its handler, here. (s) */
  readonly handoverS: readonly number[];
  /** From the receipt of a request to the departure of its answer, at the reflector. (s) */
  readonly turnaroundS: readonly number[];
  /** What this process used meanwhile. (s/s) */
  readonly cpu: number;
  /** Requests whose answers did not come. */
  readonly lost: number;
}

/**
 * Layout: kind u8, number u32 at 4, then as f64 from 8 the clock's epoch, two stamps, and the
 * departure of the answer before this one (0: none), whose number is the u32 at 40.
 */
const BYTES = 48;
const ASK = 1;
const ANSWER = 2;
const AFTER = 3;

function datagram(kind: number, number: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind);
  view.setUint32(4, number);
  return { bytes, view };
}
const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Sends, and tells the best stamp of the departure that the host has. */
function sendStamped(
  udp: Udp,
  bytes: Uint8Array,
  to: { ip: string; port: number },
  departed: (at: Stamp) => void,
  seal?: (bytes: Uint8Array, at: Stamp) => void,
): void {
  const sent = udp.send(bytes, to, seal, udp.stampKind === 'kernel' ? { departed } : {});
  if (udp.stampKind === 'user' && typeof sent !== 'string') departed(sent);
}

let reflector: Udp | null = null;

/** Answers until {@link unreflect}. @returns the port */
export async function reflect({ stamps, pump, ip }: End): Promise<number> {
  await unreflect();
  const host = chooseHost(stamps, pump);
  let last = { number: 0, atNs: 0 };
  const udp = await host.openUdp(
    { ip, port: 0 },
    {
      onDatagram({ bytes, remote, receivedAtNs }) {
        const number = viewOf(bytes).getUint32(4);
        const answer = datagram(ANSWER, number);
        answer.view.setFloat64(8, host.clock.epochS);
        answer.view.setFloat64(16, receivedAtNs);
        answer.view.setFloat64(32, last.atNs);
        answer.view.setUint32(40, last.number);
        const departed = (at: Stamp) => {
          last = { number, atNs: at };
          const after = datagram(AFTER, number);
          after.view.setFloat64(8, host.clock.epochS);
          after.view.setFloat64(24, at);
          udp.send(after.bytes, remote);
        };
        sendStamped(udp, answer.bytes, remote, departed, (sealed, at) =>
          viewOf(sealed).setFloat64(24, at),
        );
      },
      onError() {},
    },
  );
  reflector = udp;
  return udp.local.port;
}

export async function unreflect(): Promise<number> {
  const port = reflector?.local.port ?? 0;
  await reflector?.close();
  reflector = null;
  return port;
}

interface Exchange {
  sentNs: Stamp | null;
  answer: { t2Ns: number; t3Ns: number; receivedNs: number } | null;
  /** The departure of the answer, as told by the next one, and after it. */
  laterNs: number | null;
  afterNs: number | null;
}

/** Exchanges at a fixed rate. */
export async function exchangeStamps(options: StampsOptions): Promise<StampsFigures> {
  const { stamps, pump, ip, to, count, everyMs } = options;
  const host = chooseHost(stamps, pump);
  const handoverS: number[] = [];
  const exchanges: Exchange[] = Array.from({ length: count }, () => ({
    sentNs: null,
    answer: null,
    laterNs: null,
    afterNs: null,
  }));
  const udp = await host.openUdp(
    { ip, port: 0 },
    {
      onDatagram({ bytes, receivedAtNs }) {
        handoverS.push((host.clock.now() - receivedAtNs) / 1e9);
        const view = viewOf(bytes);
        const exchange = exchanges[view.getUint32(4)];
        if (exchange === undefined) return;
        const aheadNs = (view.getFloat64(8) - host.clock.epochS) * 1e9;
        if (view.getUint8(0) === AFTER) exchange.afterNs = view.getFloat64(24) + aheadNs;
        else {
          const [t2Ns, t3Ns] = [view.getFloat64(16) + aheadNs, view.getFloat64(24) + aheadNs];
          exchange.answer = { t2Ns, t3Ns, receivedNs: receivedAtNs };
          const before = exchanges[view.getUint32(40)];
          const laterNs = view.getFloat64(32);
          if (laterNs !== 0 && before !== undefined) before.laterNs = laterNs + aheadNs;
        }
      },
      onError() {},
    },
  );
  const used = cpuFrom();
  for (const [number, exchange] of exchanges.entries()) {
    const { bytes } = datagram(ASK, number);
    sendStamped(udp, bytes, to, (at) => {
      exchange.sentNs = at;
    });
    await pause(host, everyMs);
  }
  const cpu = used();
  await pause(host, 100);
  await udp.close();
  return { host: host.name, handoverS, cpu, ...figuresOf(exchanges) };
}

/** What an open socket costs on which nothing happens. (s/s) */
export async function idleCost({ stamps, pump, ip }: End, ms: number): Promise<number> {
  const host = chooseHost(stamps, pump);
  const udp = await host.openUdp({ ip, port: 0 }, { onDatagram() {}, onError() {} });
  await pause(host, 1000); // the timer is slower then
  const used = cpuFrom();
  await pause(host, ms);
  const cpu = used();
  await udp.close();
  return cpu;
}

/** @returns what tells the share of a core that this process has used since */
function cpuFrom(): () => number {
  const [from, before] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / (performance.now() - from);
  };
}

const pause = (host: Host, ms: number) => new Promise<void>((done) => host.setTimer(done, ms));

function figuresOf(
  exchanges: readonly Exchange[],
): Pick<StampsFigures, (typeof FORMS)[number] | 'turnaroundS' | 'lost'> {
  const [basic, interleaved, twoStep]: [number[], number[], number[]] = [[], [], []];
  const turnaroundS: number[] = [];
  for (const { sentNs, answer, afterNs, laterNs } of exchanges) {
    if (sentNs === null || answer === null) continue;
    const { t2Ns, t3Ns, receivedNs } = answer;
    const offset = (leftNs: number) => (t2Ns - sentNs + (leftNs - receivedNs)) / 2 / 1e9;
    basic.push(offset(t3Ns));
    if (laterNs !== null) interleaved.push(offset(laterNs));
    if (afterNs === null) continue;
    twoStep.push(offset(afterNs));
    turnaroundS.push((afterNs - t2Ns) / 1e9);
  }
  return { basic, interleaved, twoStep, turnaroundS, lost: exchanges.length - twoStep.length };
}
