/** `clockbraid relay`: an end-to-end transparent clock between two interfaces. */
import { formatSeconds } from '../format.ts';
import { openTransparentClock, type TransparentClockStatus } from '../transparent.ts';
import type { Args, Command } from './args.ts';
import { type Io, pause } from './io.ts';

export const relayCommand: Command = {
  name: 'relay',
  summary: 'join two interfaces as a PTP transparent clock (end to end)',
  usage: 'IF IF [options]',
  positionals: { least: 2, most: 2, name: 'IF IF' },
  options: {
    'one-step': { type: 'boolean', help: 'correct Sync and Delay_Req as they leave' },
    'rewrite-source': {
      type: 'string',
      value: 'WHICH',
      help: 'whose source address becomes ours: altered (default: over IPv6, messages that are changed), timed (also every Sync and Follow_Up), none',
    },
    hold: {
      type: 'string',
      value: 'MS',
      help: 'keep what comes in by the first IF so long (0..1000, default 0), to see what is corrected',
    },
    'no-correction': { type: 'boolean', help: 'carry only, for comparison' },
    'event-port': { type: 'string', value: 'P', help: 'UDP port of event messages (default 319)' },
    'general-port': { type: 'string', value: 'P', help: 'of general messages (default 320)' },
    seconds: { type: 'string', value: 'N', help: 'stop after N seconds (default: on Ctrl-C)' },
    json: { type: 'boolean', help: 'one status line of JSON per second' },
  },
  details: `Every frame crosses, both ways; nothing else may join the two interfaces (no bridge, or frames go
round). What an event message of PTP waited here, by the kernel's stamps of both interfaces, is added
to the correctionField of what follows it (Follow_Up, Delay_Resp, Pdelay_Resp_Follow_Up), or with
--one-step to its own. Needs Linux, FFI (koffi in Node) and CAP_NET_RAW. On virtual links turn off
what network cards do for TCP: ethtool -K IF tso off gso off gro off tx off.

  clockbraid relay eth1 eth2`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e9 });
  const port = (name: string, usual: number) =>
    args.number(name, usual, { least: 1, most: 65535, integer: true });
  const [west = '', east = ''] = args.positionals;
  const clock = openTransparentClock({
    interfaces: [west, east],
    mode: args.flag('no-correction') ? 'none' : args.flag('one-step') ? 'one-step' : 'two-step',
    holdMs: args.number('hold', 0, { least: 0, most: 1000 }),
    resource: args.choice('rewrite-source', 'altered', ['altered', 'timed', 'none']),
    ports: { event: port('event-port', 319), general: port('general-port', 320) },
    onError: (name, code) => io.err(`clockbraid: ${name}: ${code}\n`),
  });
  try {
    const { host } = clock;
    const startNs = host.clock.tick();
    for (let turn = 1; !io.signal.aborted; turn++) {
      const dueS = Math.min(turn, seconds);
      const passedS = (host.clock.tick() - startNs) / 1e9;
      await pause(Math.max(0, (dueS - passedS) * 1000), io.signal);
      const status = clock.status();
      if (args.flag('json')) await io.out(`${JSON.stringify(jsonOf(status))}\n`);
      else if (io.isTty) await io.out(`\r${line(status)}\x1b[K`);
      if (dueS >= seconds) break;
    }
    if (!args.flag('json')) await io.out(`${io.isTty ? '\r' : ''}${line(clock.status())}\n`);
    return 0;
  } finally {
    await clock.close();
  }
}

const mean = ({ sumNs, events }: TransparentClockStatus): number =>
  events > 0 ? sumNs / events : 0;

function jsonOf(status: TransparentClockStatus): object {
  const { leastNs, mostNs, sumNs: _, ...counts } = status;
  const isAny = Number.isFinite(leastNs);
  return {
    relay: {
      ...counts,
      residence: isAny
        ? { least: leastNs / 1e9, mean: mean(status) / 1e9, most: mostNs / 1e9 }
        : null,
    },
  };
}

function line(status: TransparentClockStatus): string {
  const { events, corrected, generals, others, lost, refused, missed, stamped } = status;
  const span = Number.isFinite(status.leastNs)
    ? `, stayed ${[status.leastNs, mean(status), status.mostNs].map((ns) => formatSeconds(ns / 1e9)).join(' / ')} (least / mean / most)`
    : '';
  return `relay: ${events} event messages${span}, ${corrected} corrected, ${generals} other PTP, ${others} other frames, ${lost + refused + missed} lost, ${stamped.user} without the kernel's stamp`;
}
