/**
 * Load generator for NTP servers on loopback: keeps a window of requests outstanding over one
 * connected UDP socket, checks every reply, and stops after a time or a count.
 */
import { createSocket } from 'node:dgram';
import process from 'node:process';
import { createAsking, isLost, PACKET_BYTES, placeOf, writeRequest } from './asking.ts';

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
  /** Requests that waited too long for a reply, sent again. */
  readonly lost: number;
  /** Datagrams that answer no outstanding request, or not as a server at stratum 1 does. */
  readonly wrong: number;
  readonly tookMs: number;
  /** CPU time this process spent, ms: the generator may be the bottleneck. */
  readonly cpuMs: number;
}

/** @throws what the socket throws (nobody listens: ECONNREFUSED) */
export async function generate(options: LoadOptions): Promise<LoadFigures> {
  const { port, window, mostMs, mostAnswers } = options;
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, '127.0.0.1', () => resolve());
  });
  // a place's packet is not touched before its answer is here, so it has been sent
  const packets = Array.from({ length: window }, () => new Uint8Array(PACKET_BYTES));
  const views = packets.map((packet) => new DataView(packet.buffer));
  const asking = createAsking(window);
  let answered = 0;
  let lost = 0;
  let wrong = 0;
  const started = performance.now();
  const cpu = process.cpuUsage();
  let nowMs = started;

  function send(place: number): void {
    const packet = packets[place];
    const view = views[place];
    if (packet === undefined || view === undefined) return;
    writeRequest(asking, place, view, nowMs);
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
      const view = new DataView(reply.buffer, reply.byteOffset, reply.length);
      const place = placeOf(asking, view, 0, reply.length);
      if (place === null) {
        wrong++;
        return;
      }
      answered++;
      if (answered >= mostAnswers) end(null);
      else send(place);
    });
    timer = setInterval(() => {
      nowMs = performance.now();
      if (nowMs - started >= mostMs) return end(null);
      for (let place = 0; place < window; place++) {
        if (!isLost(asking, place, nowMs)) continue;
        lost++;
        send(place);
      }
    }, 10);
    for (let place = 0; place < window; place++) send(place);
  });
}
