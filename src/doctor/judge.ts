/** What the facts mean for clockbraid: one sentence each, and how bad it is. */
import { formatSeconds } from '../format.ts';
import type { Facts } from './facts.ts';

/** `note`: works, but something is worth knowing. `problem`: to be mended. */
export type Level = 'ok' | 'note' | 'problem';

export interface Diagnosis {
  readonly check:
    | 'clock'
    | 'timestamps'
    | 'ports'
    | 'capture'
    | 'daemons'
    | 'leap seconds'
    | 'routes'
    | 'buffers';
  readonly level: Level;
  readonly text: string;
}

/** Of all checks, in their order. */
export function diagnose(facts: Facts): Diagnosis[] {
  return [
    clock(facts),
    timestamps(facts),
    ports(facts),
    capture(facts),
    daemons(facts),
    leap(facts),
    routes(facts),
    buffers(facts),
  ];
}

export const isHealthy = (diagnoses: readonly Diagnosis[]): boolean =>
  diagnoses.every(({ level }) => level !== 'problem');

const FINE_NS = 1000;
const COARSE_NS = 100_000;

function clock({ clock: { stepNs, readNs, source } }: Facts): Diagnosis {
  const text = `tells ${formatSeconds(stepNs / 1e9)} apart, a reading takes ${formatSeconds(readNs / 1e9)}${source === null ? '' : `, the kernel counts by ${source}`}`;
  const level = stepNs <= FINE_NS ? 'ok' : stepNs <= COARSE_NS ? 'note' : 'problem';
  return { check: 'clock', level, text };
}

function timestamps({ stamps: { host, whyPlain, hardware }, platform }: Facts): Diagnosis {
  const cards =
    hardware === null || hardware.length === 0
      ? ''
      : `; hardware clocks here (${hardware.join(', ')}) are not used`;
  if (whyPlain === null) {
    const text = `the kernel stamps receipt and departure (${host})${cards}`;
    return { check: 'timestamps', level: 'ok', text };
  }
  const level = platform === 'linux' ? 'problem' : 'note';
  return { check: 'timestamps', level, text: `${whyPlain}; stamps by ${host}${cards}` };
}

function ports({ ports: tried }: Facts): Diagnosis {
  const check = 'ports';
  const free = tried.filter(({ code }) => code === null).map(({ port }) => port);
  const parts = free.length === 0 ? [] : [`${free.join(', ')} can be had`];
  for (const wanted of new Set(tried.map(({ code }) => code))) {
    if (wanted === null) continue;
    const those = tried.filter(({ code }) => code === wanted).map(({ port }) => port);
    parts.push(`${those.join(', ')}: ${whyNot(wanted)}`);
  }
  return { check, level: free.length === tried.length ? 'ok' : 'note', text: parts.join('; ') };
}

function whyNot(code: string): string {
  if (code === 'EADDRINUSE') return 'another program has it';
  if (code === 'EACCES' || code === 'EPERM') return 'not allowed, it takes CAP_NET_BIND_SERVICE';
  return `cannot be bound (${code})`;
}

function capture({ canCapture }: Facts): Diagnosis {
  const check = 'capture';
  if (canCapture === null) return { check, level: 'note', text: 'not known: /proc/self/status' };
  return canCapture
    ? { check, level: 'ok', text: 'whole frames can be read (CAP_NET_RAW)' }
    : { check, level: 'note', text: 'no CAP_NET_RAW: "relay" will not work' };
}

function daemons({ daemons: found }: Facts): Diagnosis {
  const check = 'daemons';
  if (found === null) return { check, level: 'note', text: 'not known: /proc cannot be read' };
  if (found.length === 0) return { check, level: 'ok', text: 'no other program deals with time' };
  const names = found.map(
    ({ name, pid, steers }) => `${name} (${pid}${steers ? ', may steer the clock' : ''})`,
  );
  const text = names.join(', ');
  const steering = new Set(found.flatMap(({ name, steers }) => (steers ? [name] : [])));
  // one steers the network card's clock, the other takes the system's after it
  if (steering.has('phc2sys')) steering.delete('ptp4l');
  if (steering.size < 2) return { check, level: 'ok', text };
  return { check, level: 'problem', text: `several that may steer one clock: ${text}` };
}

const SOON_S = 30 * 86_400;

function leap({ leap: found, nowUnixS }: Facts): Diagnosis {
  const check = 'leap seconds';
  const { isHidden, file, expiresUnixS, problem } = found;
  if (isHidden) return { check, level: 'note', text: 'not known: no list may be read' };
  if (problem !== null) return { check, level: 'problem', text: problem };
  if (file === null || expiresUnixS === null) {
    return { check, level: 'note', text: 'no list found: a PTP master serves UTC as ARB' };
  }
  const day = new Date(expiresUnixS * 1000).toISOString().slice(0, 10);
  if (nowUnixS >= expiresUnixS) {
    return { check, level: 'problem', text: `${file} expired on ${day}` };
  }
  const level = expiresUnixS - nowUnixS < SOON_S ? 'note' : 'ok';
  return { check, level, text: `${file} is good until ${day}` };
}

/** Values of fib_multipath_hash_policy. */
const POLICIES: Readonly<Record<number, string>> = {
  0: 'addresses',
  1: 'addresses and ports',
  2: 'addresses, of what is inside tunnels too',
  3: 'fields chosen in fib_multipath_hash_fields',
};

function routes({ hashPolicy }: Facts): Diagnosis {
  const check = 'routes';
  const parts = (['ipv4', 'ipv6'] as const).map((family) => {
    const policy = hashPolicy[family];
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
    if (policy === null) return `${name} not known`;
    return `${name} by ${POLICIES[policy] ?? `policy ${policy}`}`;
  });
  const said = `equal routes are chosen: ${parts.join(', ')}`;
  const isByAddress = Object.values(hashPolicy).every((policy) => policy === 0);
  if (isByAddress) return { check, level: 'ok', text: `${said}; a pair keeps its way` };
  const hasPorts = Object.values(hashPolicy).some((policy) => policy !== null && policy !== 0);
  const hint = hasPorts ? "; PTP's event and general messages may go different ways" : '';
  return { check, level: 'note', text: said + hint };
}

/** What the kernel gives where nobody asks for more (bytes), … */
const USUAL_BYTES = 212_992;
/** … and what a datagram of NTP or PTP takes of it. Measured: 256 fit. */
const DATAGRAM_BYTES = 832;

function buffers({ buffers: { usualBytes, mostBytes, lost } }: Facts): Diagnosis {
  const check = 'buffers';
  const losses =
    lost === null ? '' : `; ${lost === 0 ? 'none' : lost} lost for want of room so far, by all`;
  if (usualBytes === null) {
    return { check, level: 'note', text: `net.core.rmem_default is not known here${losses}` };
  }
  const room = Math.floor(usualBytes / DATAGRAM_BYTES);
  const most = mostBytes === null ? '' : `, ${mostBytes} bytes at most on request`;
  const text = `a socket holds ${room} datagrams (${usualBytes} bytes${most})${losses}`;
  const isSmall = usualBytes < USUAL_BYTES;
  return { check, level: isSmall || (lost ?? 0) > 0 ? 'note' : 'ok', text };
}
