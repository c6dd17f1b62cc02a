/**
 * What is wrong with an offset for the stamps' sake: two processes of one runtime exchange
 * datagrams over loopback by the same clock, so the true offset is 0. All four stamps are the
 * host's; that of the answer's departure comes in the answer (sealed, as NTP has it) and again in a
 * datagram after it (two-step, as PTP has it).
 */
import { chooseHost, type Stamps } from '../src/udp/choose.ts';
import type { Host, Udp } from '../src/udp/udp.ts';
import type { Stamp } from '../src/units.ts';

export interface StampsOptions {
  readonly stamps: Stamps;
  /** Of the reflector. */
  readonly port: number;
  readonly count: number;
  readonly everyMs: number;
}

/** Offsets as measured, s. */
export interface StampsFigures {
  readonly host: string;
  readonly sealed: readonly number[];
  readonly twoStep: readonly number[];
  /** Requests whose answers did not come. */
  readonly lost: number;
}

/** Layout: kind u8, number u32 at 4, then the clock's epoch and two stamps as f64 from 8. */
const BYTES = 48;
const ASK = 1;
const ANSWER = 2;
const AFTER = 3;
const IP = '127.0.0.1';

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
export async function reflect(stamps: Stamps): Promise<number> {
  await unreflect();
  const host = chooseHost(stamps);
  const udp = await host.openUdp(
    { ip: IP, port: 0 },
    {
      onDatagram({ bytes, remote, receivedAtNs }) {
        const number = viewOf(bytes).getUint32(4);
        const answer = datagram(ANSWER, number);
        answer.view.setFloat64(8, host.clock.epochS);
        answer.view.setFloat64(16, receivedAtNs);
        const departed = (at: Stamp) => {
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
  afterNs: number | null;
}

/** Exchanges at a fixed rate. */
export async function exchangeStamps(options: StampsOptions): Promise<StampsFigures> {
  const { stamps, port, count, everyMs } = options;
  const host = chooseHost(stamps);
  const exchanges: Exchange[] = Array.from({ length: count }, () => ({
    sentNs: null,
    answer: null,
    afterNs: null,
  }));
  const udp = await host.openUdp(
    { ip: IP, port: 0 },
    {
      onDatagram({ bytes, receivedAtNs }) {
        const view = viewOf(bytes);
        const exchange = exchanges[view.getUint32(4)];
        if (exchange === undefined) return;
        const aheadNs = (view.getFloat64(8) - host.clock.epochS) * 1e9;
        if (view.getUint8(0) === AFTER) exchange.afterNs = view.getFloat64(24) + aheadNs;
        else {
          const [t2Ns, t3Ns] = [view.getFloat64(16) + aheadNs, view.getFloat64(24) + aheadNs];
          exchange.answer = { t2Ns, t3Ns, receivedNs: receivedAtNs };
        }
      },
      onError() {},
    },
  );
  const to = { ip: IP, port };
  for (const [number, exchange] of exchanges.entries()) {
    const { bytes } = datagram(ASK, number);
    sendStamped(udp, bytes, to, (at) => {
      exchange.sentNs = at;
    });
    await pause(host, everyMs);
  }
  await pause(host, 100);
  await udp.close();
  return { host: host.name, ...figuresOf(exchanges) };
}

const pause = (host: Host, ms: number) => new Promise<void>((done) => host.setTimer(done, ms));

function figuresOf(exchanges: readonly Exchange[]): Omit<StampsFigures, 'host'> {
  const sealed: number[] = [];
  const twoStep: number[] = [];
  for (const { sentNs, answer, afterNs } of exchanges) {
    if (sentNs === null || answer === null) continue;
    const { t2Ns, t3Ns, receivedNs } = answer;
    const offset = (laterNs: number) => (t2Ns - sentNs + (laterNs - receivedNs)) / 2 / 1e9;
    sealed.push(offset(t3Ns));
    if (afterNs !== null) twoStep.push(offset(afterNs));
  }
  return { sealed, twoStep, lost: exchanges.length - twoStep.length };
}
