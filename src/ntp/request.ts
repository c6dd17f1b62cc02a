/** The sending half of the client: requests, reach register, unsent requests. RFC 5905 §13. */
import type { Output } from '../machine.ts';
import type { Tick } from '../units.ts';
import type { Association } from './association.ts';
import { usableBase } from './interleave.ts';
import { cookieFrom, type NtpTime, sameTime, writeRequest } from './packet.ts';
import { advance, backOff, dueNs, nextPath, skip, turnIsOver } from './schedule.ts';
import { arm, byContext, type NtpClient } from './state.ts';

/** Polls without answer that make a path unreachable. */
const REACH_POLLS = 8;
/** Random bytes one request takes: 8 for each cookie, 2 for the jitter. */
const REQUEST_RANDOM_BYTES = 10;
const INTERLEAVED_RANDOM_BYTES = 18;

/** Hands out every request that is due, as far as the random bytes reach. */
export function poll(client: NtpClient, nowNs: Tick, random: Uint8Array): Output[] {
  const outputs: Output[] = [];
  let polled = false;
  let used = 0;
  for (;;) {
    const path = nextPath(client);
    if (path === null || dueNs(path) > nowNs) break;
    if (polled && turnIsOver(path, nowNs)) {
      skip(client, path, nowNs);
      continue;
    }
    const needed = path.interleaved ? INTERLEAVED_RANDOM_BYTES : REQUEST_RANDOM_BYTES;
    if (used + needed > random.length) break; // the rest at the next timeout
    request(client, path, nowNs, { random: random.subarray(used, used + needed), outputs });
    used += needed;
    polled = true;
  }
  return arm(client, outputs, true, nowNs);
}

function request(
  client: NtpClient,
  path: Association,
  nowNs: Tick,
  { random, outputs }: { random: Uint8Array; outputs: Output[] },
): void {
  if (path.unanswered >= REACH_POLLS && path.contact !== 'unreachable') {
    path.contact = 'unreachable';
    const reason = `${REACH_POLLS} polls unanswered`;
    outputs.push({ type: 'path', path: path.key, event: 'unreachable', reason });
  }
  path.reach = (path.reach << 1) & 0xff;
  path.unanswered++;
  backOff(client, path);
  const cookie = cookieFrom(random, 0);
  const context = client.nextContext++;
  const base = usableBase(path.base, path.unanswered, nowNs);
  const interleave = base === null ? null : { cookie: otherThan(cookie, random), base };
  path.request = { context, cookie, sentAtNs: null, interleave };
  path.polledNs = nowNs;
  outputs.push({
    type: 'transmit',
    bytes: writeRequest(
      cookie,
      path.pollLog2S + path.backoff,
      interleave?.base.remoteReceive,
      interleave?.cookie,
    ),
    from: { ip: path.localIp, port: path.localPort },
    to: path.remote,
    context,
  });
  const jitter = ((random.at(-2) ?? 0) * 256 + (random.at(-1) ?? 0)) / 65536;
  advance(client, path, nowNs, jitter);
}

/** The second cookie: by it an interleaved answer is told from a basic one. */
function otherThan(cookie: NtpTime, random: Uint8Array): NtpTime {
  const other = cookieFrom(random, 8);
  return sameTime(other, cookie) ? { ...other, fraction: (other.fraction ^ 2) >>> 0 } : other;
}

/** The host could not send: the poll is lost, the next one is tried as planned. */
export function unsent(client: NtpClient, context: number, code: string): Output[] {
  const path = byContext(client, context);
  if (path === undefined) return [];
  path.request = null;
  path.tally.unsent++;
  if (path.blocked) return [];
  path.blocked = true;
  return [{ type: 'path', path: path.key, event: 'unsent', reason: `the host said ${code}` }];
}
