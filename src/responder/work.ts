/**
 * One worker of a busy server: its own sockets, its own responder, and a machine of its own for
 * clients in interleaved mode, which need the stamps of departures. Runs until it is told to stop.
 */
import { HostError } from '../errors.ts';
import type { Address, Input } from '../machine.ts';
import {
  type Access,
  createNtpServer,
  type RateLimitConfig,
  replyHead,
  type SavedConfig,
  setSource,
  stepNtpServer,
  UNSYNCHRONIZED,
} from '../ntp/server.ts';
import { loadFfi } from '../udp/linux/host.ts';
import { type Serving, serveInPlace } from '../udp/linux/inplace.ts';
import { allocate } from '../udp/linux/memory.ts';
import { makeOutlet, type Outlet } from '../udp/linux/outlet.ts';
import { makeSystem } from '../udp/linux/system.ts';
import { type Tick, tick } from '../units.ts';
import { createResponder, type Left } from './responder.ts';
import { openShared } from './shared.ts';

/** What a worker is started with; only what threads can be given. */
export interface Plan {
  readonly buffer: SharedArrayBuffer;
  /** Which of the workers it is. (from 0) */
  readonly index: number;
  readonly sockets: readonly { readonly fd: number; readonly local: Address }[];
  readonly rateLimit: RateLimitConfig | null;
  readonly access: Access;
  readonly interleaved: SavedConfig | null;
}

/** Longest time in the kernel, so that stop, source and clock are looked at (ms). */
const WAIT_MS = 100;
/** The same while stamps of departures are awaited. */
const AWAITING_MS = 5;
/** Turns without a pause after which the clock is looked at all the same. */
const TURNS = 4096;
const NONE = { allow: [], deny: [] };

/** @throws HostError if there is no FFI here, Error if a socket is gone */
export function work(plan: Plan, onReady: () => void): void {
  const { sockets, rateLimit, access, interleaved, index } = plan;
  const ffi = loadFfi();
  if (typeof ffi === 'string') throw new HostError(ffi);
  const shared = openShared(plan.buffer);
  const system = makeSystem(ffi, 'timer'); // never pumped: this thread waits by itself
  const { clock, sender, addresses } = system;
  const responder = createResponder({ rateLimit, access, interleaved: interleaved !== null });
  responder.place(ffi.addressOf(responder.bytes));
  const memory = { bytes: responder.bytes, view: new DataView(responder.bytes.buffer), address: 0 };
  // Rules and limit have been applied to what comes to it
  const { epochS } = clock;
  const machine = createNtpServer({
    epochS,
    source: UNSYNCHRONIZED,
    rateLimit: null,
    access: NONE,
    interleaved,
  });
  const name = allocate(ffi, 32);
  let isAwaiting = false;
  let turns = 0;
  const outlets = sockets.map(({ fd }) =>
    makeOutlet(system, fd, { isClosed: () => false, onIcmp: () => {} }),
  );

  /** Answers one in interleaved mode, or as one that asks for it the first time. */
  function answerLeft(socket: number, outlet: Outlet, left: Left): void {
    const { local } = sockets[socket] ?? { local: { ip: '', port: 0 } };
    const remote = addresses.read(memory, left.nameAt);
    if (remote === null) return;
    const receivedAtNs = left.stampS === 0 ? clock.now() : clock.stampOf(left.stampS, left.stampNs);
    const datagram = { bytes: left.bytes, local, remote, receivedAtNs };
    for (const output of step({ type: 'datagram', datagram, nowNs: clock.tick() })) {
      if (output.type !== 'transmit') continue;
      const { bytes, to, context, seal } = output;
      const length = addresses.write(name, 0, to);
      const prepare = () => sender.prepareRaw(name.bytes.subarray(0, length), true);
      prepare();
      const sentAtNs = clock.now();
      seal?.(bytes, sentAtNs);
      if (outlet.send(bytes, true, prepare) !== null || context === undefined) continue;
      outlet.expect(sentAtNs, (atNs) =>
        step({ type: 'sent', context, sentAtNs: atNs, nowNs: clock.tick() }),
      );
      isAwaiting = true;
    }
  }

  const step = (input: Input) => stepNtpServer(machine, input);

  function settle(): void {
    const nowMs = clock.tick() / 1e6;
    clock.look();
    for (const outlet of outlets) outlet.takeErrors();
    isAwaiting = outlets.map((outlet) => outlet.settle(nowMs)).includes(true);
  }

  const isLimited = rateLimit !== null;
  const ZERO: Tick = tick(0);
  const serving: Serving = {
    isOver: shared.isStopping,
    answer: (count) => responder.answer(count, isLimited ? clock.tick() : ZERO),
    seal: responder.seal,
    sent(socket) {
      const outlet = outlets[socket];
      const left = responder.left();
      if (left.length === 0 || outlet === undefined) return;
      clock.look();
      outlet.takeErrors(); // what is asked for now may have just left
      for (const one of left) answerLeft(socket, outlet, one);
      outlet.takeErrors();
    },
    takeErrors(socket) {
      clock.look();
      outlets[socket]?.takeErrors();
    },
    turned(isIdle) {
      const source = shared.readSource(epochS);
      if (source !== null) {
        setSource(machine, source);
        responder.setHead(replyHead(machine));
      }
      const { tally } = machine;
      shared.publish(index, responder.counts, tally.answered, tally.interleaved);
      if (isAwaiting) settle();
      if (isIdle || ++turns >= TURNS) {
        turns = 0;
        const byS = clock.check();
        if (byS !== 0) step({ type: 'clock-step', byS, nowNs: clock.tick() });
      }
      return isAwaiting ? AWAITING_MS : WAIT_MS;
    },
  };
  onReady();
  serveInPlace(
    ffi,
    sockets.map(({ fd }) => fd),
    {
      bytes: responder.bytes,
      messages: responder.messages,
      headersAt: responder.headersAt,
      repliesAt: responder.repliesAt,
      nowAt: responder.nowAt,
    },
    serving,
  );
}
