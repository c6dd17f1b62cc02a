/**
 * What only the Linux host can, in whichever runtime this is. Bundled and started in namespaces by
 * kernel.test.ts, with a {@link Plan} as JSON in the first argument; prints a JSON line per event.
 */
import process from 'node:process';
import { isIpv6 } from '../../src/path.ts';
import { chooseHost } from '../../src/udp/choose.ts';
import type { Icmp, StampKind } from '../../src/udp/udp.ts';
import type { Stamp } from '../../src/units.ts';

export interface Plan {
  readonly role: 'traffic' | 'frames' | 'slow';
  readonly link: string;
  readonly ips: readonly string[];
  readonly peers: readonly string[];
  readonly port: number;
  readonly closedPort: number;
}

export type Line =
  | { readonly event: 'ready'; readonly host: string }
  | { readonly event: 'done' }
  | {
      readonly event: 'icmp';
      readonly from: string | null;
      readonly to: string;
      readonly type: string;
      readonly errorCode: string;
      readonly quoted: string;
      readonly isStamped: boolean;
    }
  | {
      readonly event: 'echo';
      readonly text: string;
      readonly arrivedAt: string;
      readonly ifindex: number;
      readonly hops: number;
      /** Unix ns of the three stamps. */
      readonly sent: string;
      readonly departed: string;
      readonly kind: StampKind;
      readonly received: string;
    }
  | { readonly event: 'counts'; readonly local: string; readonly counts: object }
  | { readonly event: 'code'; readonly code: string }
  | {
      readonly event: 'slow';
      readonly fillers: number;
      /** From the process's stamp to the one that was told (ms). */
      readonly laterMs: number;
      readonly kind: StampKind;
      /** In which order it became known. */
      readonly order: string;
    }
  | { readonly event: 'ip'; readonly text: string; readonly hops: number; readonly dscp: number }
  | {
      readonly event: 'frame';
      readonly text: string;
      readonly kind: string;
      readonly at: string;
      readonly stampKind: StampKind;
      readonly etherType: number;
      readonly tag: number | null;
    }
  | {
      readonly event: 'frame sent';
      readonly text: string;
      readonly at: string;
      readonly kind: string;
    };

/** For experiments (IEEE 802). */
const ETHER_TYPE = 0x88b5;
const HEADER_BYTES = 14;

const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const host = chooseHost('kernel');
const say = (line: Line) => console.log(JSON.stringify(line));
const unix = (at: Stamp): string =>
  String(BigInt(host.clock.epochS) * 1_000_000_000n + BigInt(Math.round(at)));
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (text: string) => new TextEncoder().encode(text);
const pause = (ms: number) => new Promise<void>((resolve) => host.setTimer(resolve, ms));
async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !done(); turn++) await pause(10);
}

function frameOf(text: string, source: Uint8Array, tag: number | null): Uint8Array {
  const tagBytes = tag === null ? 0 : 4;
  const payload = bytesOf(text);
  const frame = new Uint8Array(Math.max(60, HEADER_BYTES + tagBytes + payload.length));
  frame.fill(0xff, 0, 6);
  frame.set(source, 6);
  const view = new DataView(frame.buffer);
  if (tag !== null) {
    view.setUint16(12, 0x8100);
    view.setUint16(14, tag);
  }
  view.setUint16(12 + tagBytes, ETHER_TYPE);
  frame.set(payload, HEADER_BYTES + tagBytes);
  return frame;
}

function openLink(onText: (text: string) => void) {
  const link = host.openPacket?.(plan.link, {
    onFrame(frame) {
      const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.length);
      if (frame.etherType === 0x0800 && frame.bytes[23] === 17) {
        const text = textOf(frame.bytes.subarray(HEADER_BYTES + 28)).replace(/\0+$/, '');
        say({ event: 'ip', text, hops: view.getUint8(22), dscp: view.getUint8(15) >> 2 });
      }
      if (frame.etherType === 0x86dd && frame.bytes[20] === 17) {
        const text = textOf(frame.bytes.subarray(HEADER_BYTES + 48)).replace(/\0+$/, '');
        const dscp = (view.getUint16(14) >> 6) & 63;
        say({ event: 'ip', text, hops: view.getUint8(21), dscp });
      }
      if (frame.etherType !== ETHER_TYPE) return;
      const tag = view.getUint16(12) === 0x8100 ? view.getUint16(14) : null;
      const at = HEADER_BYTES + (tag === null ? 0 : 4);
      const text = textOf(frame.bytes.subarray(at)).replace(/\0+$/, '');
      const { kind, receivedAtNs, stampKind, etherType } = frame;
      say({ event: 'frame', text, kind, at: unix(receivedAtNs), stampKind, etherType, tag });
      onText(text);
    },
    onError: (code) => say({ event: 'code', code }),
  });
  if (link === undefined) throw new Error('no frames on this host');
  return link;
}

function sendFrame(link: ReturnType<typeof openLink>, text: string, tag: number | null): void {
  const sent = link.send(frameOf(text, link.mac, tag), undefined, (at, kind) =>
    say({ event: 'frame sent', text, at: unix(at), kind }),
  );
  if (typeof sent === 'string') say({ event: 'code', code: sent });
}

/** Tells every frame of the link, and answers those of ours. */
async function frames(): Promise<void> {
  const link = openLink((text) => {
    if (text.startsWith('hello')) sendFrame(link, `answer to ${text}`, null);
  });
  say({ event: 'ready', host: host.name });
}

/** One conversation per address, then frames. */
async function traffic(): Promise<void> {
  say({ event: 'ready', host: host.name });
  for (const [n, ip] of plan.ips.entries()) {
    const peer = plan.peers[n] ?? '';
    await converse(ip, peer);
    await converse(isIpv6(ip) ? '::' : '0.0.0.0', peer);
  }
  let answers = 0;
  const link = openLink(() => {
    answers++;
  });
  sendFrame(link, 'hello plain', null);
  sendFrame(link, 'hello tagged', 0x6005);
  await until(() => answers >= 2);
  say({ event: 'counts', local: plan.link, counts: link.counts() });
  await link.close();
  say({ event: 'done' });
}

async function converse(ip: string, peer: string): Promise<void> {
  let icmps = 0;
  let echoes = 0;
  const departures = new Map<string, { at: Stamp; kind: StampKind }>();
  const sends = new Map<string, Stamp>();
  const udp = await host.openUdp(
    { ip, port: 0 },
    {
      onDatagram({ bytes, receivedAtNs, arrival }) {
        const text = textOf(bytes);
        const departure = departures.get(text);
        const sent = sends.get(text);
        if (departure === undefined || sent === undefined || arrival === undefined) return;
        echoes++;
        say({
          event: 'echo',
          text,
          arrivedAt: arrival.ip,
          ifindex: arrival.ifindex,
          hops: arrival.hops,
          sent: unix(sent),
          departed: unix(departure.at),
          kind: departure.kind,
          received: unix(receivedAtNs),
        });
      },
      onError: (code) => say({ event: 'code', code }),
      onIcmp(icmp: Icmp) {
        icmps++;
        say({
          event: 'icmp',
          from: icmp.routerIp,
          to: `${icmp.to.ip} ${icmp.to.port}`,
          type: `${icmp.type}/${icmp.code}`,
          errorCode: icmp.errorCode,
          quoted: textOf(icmp.quoted),
          isStamped: icmp.receivedAtNs !== null,
        });
      },
    },
  );
  const send = (text: string, port: number, options = {}) => {
    const sent = udp.send(bytesOf(text), { ip: peer, port }, undefined, {
      ...options,
      departed: (at, kind) => departures.set(text, { at, kind }),
    });
    if (typeof sent === 'string') say({ event: 'code', code: sent });
    else sends.set(text, sent);
  };
  send(`low from ${ip}`, plan.port, { hops: 1 });
  send(`echo 1 from ${ip}`, plan.port, { dscp: 46 });
  await until(() => icmps >= 1 && echoes >= 1);
  send(`closed from ${ip}`, plan.closedPort);
  await until(() => icmps >= 2);
  send(`echo 2 from ${ip}`, plan.port, { hops: 9, dscp: 0 });
  await until(() => echoes >= 2);
  say({ event: 'counts', local: ip, counts: udp.counts?.() ?? {} });
  await udp.close();
}

/**
 * Over a link that lets little through: what is sent waits in the system, and leaves some ms later,
 * with `fillers` before it.
 */
async function slow(): Promise<void> {
  say({ event: 'ready', host: host.name });
  const ip = '127.0.0.1';
  const ignore = { onDatagram: () => {}, onError: () => {} };
  const sink = await host.openUdp({ ip, port: 0 }, ignore);
  const far = await host.openUdp(
    { ip, port: 0 },
    {
      onDatagram({ bytes, remote }) {
        far.send(bytes.slice(), remote);
      },
      onError: () => {},
    },
  );
  let order: string[] = [];
  const near = await host.openUdp(
    { ip, port: 0 },
    { onDatagram: () => void order.push('answer'), onError: () => {} },
  );
  for (const fillers of [2, 12]) {
    for (let round = 0; round < 8; round++) {
      order = [];
      for (let n = 0; n < fillers; n++) near.send(new Uint8Array(1400), sink.local);
      const told: { laterMs: number; kind: StampKind }[] = [];
      const sent = near.send(new Uint8Array(8), far.local, undefined, {
        departed(at, kind) {
          order.push('departed');
          told.push({ laterMs: (at - Number(sent)) / 1e6, kind });
        },
      });
      await until(() => order.length >= 2);
      await pause(20);
      for (const each of told) say({ event: 'slow', fillers, ...each, order: order.join(' ') });
    }
  }
  await Promise.all([sink.close(), far.close(), near.close()]);
  say({ event: 'done' });
}

if (plan.role === 'slow') await slow();
else if (plan.role === 'frames') await frames();
else await traffic();
