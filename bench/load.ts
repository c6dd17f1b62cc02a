/**
 * Load generator for NTP servers on loopback: keeps a window of requests outstanding over one
 * connected UDP socket, checks every reply, and stops after a time or a count.
 */
import { createSocket } from 'node:dgram';
import process from 'node:process';

export interface LoadOptions {
  readonly port: number;
  /** Requests outstanding. (1..4096) */
  readonly window: number;
  /** Whichever comes first ends it. (ms; requests answered) */
  readonly mostMs: number;
  readonly mostAnswers: number;
}

export interface LoadFigures {
  readonly answered: number;
  /** Requests without a reply for LOST_MS, sent again. */
  readonly lost: number;
  /** Datagrams that answer no outstanding request, or not as a server at stratum 1 does. */
  readonly wrong: number;
  readonly tookMs: number;
  /** CPU time this process spent, ms: the generator may be the bottleneck. */
  readonly cpuMs: number;
}

const PACKET_BYTES = 48;
const LOST_MS = 250;
const CLIENT = 0x23; // LI 0, version 4, mode 3
const MODE = 0x7;
const SERVER_MODE = 4;
const ORIGIN = 24;
const TRANSMIT = 40;

/** @throws what the socket throws (nobody listens: ECONNREFUSED) */
export async function generate(options: LoadOptions): Promise<LoadFigures> {
  const { port, window, mostMs, mostAnswers } = options;
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, '127.0.0.1', () => resolve());
  });
  // a slot's packet is not touched before its answer is here, so it has been sent
  const packets = Array.from({ length: window }, () => new Uint8Array(PACKET_BYTES));
  const views = packets.map((packet) => new DataView(packet.buffer));
  const sequences = new Uint32Array(window);
  const sentMs = new Float64Array(window);
  let answered = 0;
  let lost = 0;
  let wrong = 0;
  const started = performance.now();
  const cpu = process.cpuUsage();
  let nowMs = started;

  function send(slot: number): void {
    const packet = packets[slot];
    const sequence = ((sequences[slot] ?? 0) + 1) >>> 0;
    if (packet === undefined) return;
    sequences[slot] = sequence;
    sentMs[slot] = nowMs;
    packet[0] = CLIENT;
    views[slot]?.setUint32(TRANSMIT, 0x80000000 + slot); // no real time is told, none is needed
    views[slot]?.setUint32(TRANSMIT + 4, sequence);
    socket.send(packet);
  }

  return await new Promise<LoadFigures>((resolve, reject) => {
    let timer: ReturnType<typeof setInterval> | undefined;
    let ended = false;
    function end(error: Error | null): void {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      const tookMs = performance.now() - started;
      const { user, system } = process.cpuUsage(cpu);
      socket.close();
      if (error === null) {
        resolve({ answered, lost, wrong, tookMs, cpuMs: (user + system) / 1e3 });
      } else reject(error);
    }
    socket.removeAllListeners('error');
    socket.on('error', end);
    socket.on('message', (reply) => {
      if (ended) return;
      const slot = slotOf(reply, sequences);
      if (slot === null) {
        wrong++;
        return;
      }
      answered++;
      if (answered >= mostAnswers) end(null);
      else send(slot);
    });
    timer = setInterval(() => {
      nowMs = performance.now();
      if (nowMs - started >= mostMs) return end(null);
      for (let slot = 0; slot < window; slot++) {
        if (nowMs - (sentMs[slot] ?? 0) < LOST_MS) continue;
        lost++;
        send(slot);
      }
    }, 10);
    for (let slot = 0; slot < window; slot++) send(slot);
  });
}

/** The slot whose outstanding request this answers, null if none. */
export function slotOf(reply: Uint8Array, sequences: Uint32Array): number | null {
  if (reply.length !== PACKET_BYTES || ((reply[0] ?? 0) & MODE) !== SERVER_MODE || reply[1] !== 1) {
    return null;
  }
  const view = new DataView(reply.buffer, reply.byteOffset, reply.length);
  const slot = view.getUint32(ORIGIN) - 0x80000000;
  return sequences[slot] === view.getUint32(ORIGIN + 4) ? slot : null;
}
