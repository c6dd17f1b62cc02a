/** The sending half of the client: requests, reach register, unsent requests. RFC 5905 §13. */
import type { Output } from '../machine.ts';
import type { Tick } from '../units.ts';
import type { Association } from './association.ts';
import { writeRequest } from './packet.ts';
import { advance, backOff, dueNs, nextPath, skip, turnIsOver } from './schedule.ts';
import { arm, byContext, type NtpClient } from './state.ts';

/** Polls without answer that make a path unreachable. */
const REACH_POLLS = 8;
/** Random bytes one request takes: 8 for the cookie, 2 for the jitter. */
const REQUEST_RANDOM_BYTES = 10;

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
    if (used + REQUEST_RANDOM_BYTES > random.length) break; // the rest at the next timeout
    request(client, path, nowNs, { random, used, outputs });
    used += REQUEST_RANDOM_BYTES;
    polled = true;
  }
  return arm(client, outputs, true, nowNs);
}

function request(
  client: NtpClient,
  path: Association,
  nowNs: Tick,
  { random, used, outputs }: { random: Uint8Array; used: number; outputs: Output[] },
): void {
  if (path.unanswered >= REACH_POLLS && path.contact !== 'unreachable') {
    path.contact = 'unreachable';
    const reason = `${REACH_POLLS} polls unanswered`;
    outputs.push({ type: 'path', path: path.key, event: 'unreachable', reason });
  }
  path.reach = (path.reach << 1) & 0xff;
  path.unanswered++;
  backOff(client, path);
  const word = (at: number): number =>
    (((random[at] ?? 0) << 24) |
      ((random[at + 1] ?? 0) << 16) |
      ((random[at + 2] ?? 0) << 8) |
      (random[at + 3] ?? 0)) >>>
    0;
  const high = word(used);
  const low = word(used + 4);
  // Zero would mean "unknown"; one in 2^64 requests is guessable instead
  const cookie = { seconds: high, fraction: high === 0 && low === 0 ? 1 : low };
  const context = client.nextContext++;
  path.request = { context, cookie, sentAtNs: null };
  path.polledNs = nowNs;
  outputs.push({
    type: 'transmit',
    bytes: writeRequest(cookie, path.pollLog2S + path.backoff),
    from: { ip: path.localIp, port: 0 },
    to: path.remote,
    context,
  });
  const jitter = ((random[used + 8] ?? 0) * 256 + (random[used + 9] ?? 0)) / 65536;
  advance(client, path, nowNs, jitter);
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
