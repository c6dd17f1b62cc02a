/**
 * Our transparent clock between stock PTP clocks: ptp4l on both sides of a link that goes through
 * it. One kernel clock: the true offset is 0; what the relay keeps one way only would be half an
 * offset.
 */
import * as assert from 'uvu/assert';
import { startCapture } from './capture.ts';
import { BETWEEN, createLan, type Lan, LINK, lanIp } from './lan.ts';
import { ptp4l } from './linuxptp.ts';
import { ip } from './net.ts';
import { type RelayLine, startPtp, startRelay } from './program.ts';
import { analysePtp, TYPE } from './ptpcapture.ts';
import { FILTER } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: transparent clock', 'ptp');

const HOLD_MS = 4;
/** Of the middle of many on a loaded machine; the hold alone would make 2 ms. */
const BOUND_S = 4e-4;
/** What it does uncorrected, at the least. */
const HARM_S = (HOLD_MS / 2) * 1e-3 - BOUND_S;

const theLan = test.shared(create);
async function create(): Promise<Lan> {
  const lan = await createLan({ here: 1, there: 1 }, true);
  BETWEEN.forEach((name, n) => {
    ip(['-n', lan.between, 'address', 'add', `fd82::${n + 50}/128`, 'dev', name, 'nodad']);
    ip(['-n', lan.between, 'address', 'add', `10.82.0.${n + 50}/32`, 'dev', name]);
  });
  return lan;
}

/** The middle of what a ptp4l slave says of its offset, but for its first words. (s) */
function middleOffset(log: string): { readonly count: number; readonly offsetS: number } {
  const found = [...log.matchAll(/master offset\s+(-?\d+)/g)].map(([, ns]) => Number(ns) / 1e9);
  const late = found.slice(3).sort((a, b) => a - b);
  return { count: late.length, offsetS: late[Math.floor(late.length / 2)] ?? Number.NaN };
}

const EACH = ['freq_est_interval 0', 'summary_interval -4'];

interface Trial {
  readonly family?: 4 | 6;
  readonly args?: readonly string[];
  readonly extra?: readonly string[];
  readonly runtime?: 'node' | 'deno' | 'bun';
}

/** ptp4l → relay → ptp4l, until the slave has measured for a while. */
async function trial({ family = 4, args = [], extra = [], runtime = 'node' }: Trial) {
  const lan = await theLan();
  const relay = startRelay(lan, lan.between, [...BETWEEN, ...args], runtime);
  const seen = () => relay.lines().at(-1);
  await until('the relay runs', () => relay.lines().length > 0, {
    timeoutMs: 20_000,
    detail: relay.running.stderr,
  });
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const origin = await startCapture(lan, lan.here, LINK, FILTER);
  const master = ptp4l(lan, lan.here, { family, extra: ['masterOnly 1', ...extra] });
  const slave = ptp4l(lan, lan.there, { family, extra: ['slaveOnly 1', ...EACH, ...extra] });
  const log = () => slave.log();
  await until('the slave measures', () => middleOffset(log()).count > 10, {
    timeoutMs: 60_000,
    detail: () => log() + master.log() + relay.running.stderr(),
  });
  const { offsetS } = middleOffset(log());
  await sleep(1100); // the relay's last word
  const line: RelayLine | undefined = seen();
  await Promise.all([capture.stop(), origin.stop()]);
  await lan.stopAll();
  const far = await analysePtp(lan.there, capture.file);
  const near = await analysePtp(lan.here, origin.file);
  if (line === undefined) throw new Error('the relay said nothing');
  return { offsetS, line, far, near };
}

for (const family of [4, 6] as const) {
  test(`IPv${family}: ptp4l → relay → ptp4l: what waits ${HOLD_MS} ms one way does no harm, without correction it does (EP-024, EP-100)`, async () => {
    const hold = ['--hold', `${HOLD_MS}`];
    const { offsetS, line, far, near } = await trial({ family, args: hold });
    const uncorrected = () => trial({ family, args: [...hold, '--no-correction'] });
    let bare = await uncorrected();
    for (let again = 0; again < 2 && Math.abs(bare.offsetS) <= HARM_S; again++) {
      bare = await uncorrected(); // a loaded relay keeps the other way waiting, too
    }
    console.log(
      `IPv${family}: offset ${offsetS * 1e6} us with the correction, ${bare.offsetS * 1e6} us without`,
    );
    assert.ok(Math.abs(offsetS) < BOUND_S, `${offsetS}`);
    assert.ok(Math.abs(bare.offsetS) > HARM_S, `uncorrected: ${bare.offsetS}`);
    assert.equal([far.complaints, near.complaints], [[], []]);
    assert.ok(line.corrected > 30 && line.lost === 0 && line.refused === 0, JSON.stringify(line));
    assert.ok(line.stamped.kernel > 30 && line.stamped.user === 0, JSON.stringify(line));
    // what left by multicast arrived by multicast, and the other way round (EP-100)
    const groups = (packets: typeof far.packets, type: number) =>
      new Set(packets.filter((one) => one.type === type).map(({ dst }) => dst));
    for (const type of [TYPE.Sync, TYPE.Follow_Up, TYPE.Announce, TYPE.Delay_Resp]) {
      assert.equal(groups(far.packets, type), groups(near.packets, type));
    }
    // over IPv6 a changed Follow_Up comes from the relay (EP-027), an Announce never
    const sources = (type: number) =>
      new Set(far.packets.filter((one) => one.type === type).map(({ src }) => src));
    const [origin] = sources(TYPE.Announce);
    assert.is(sources(TYPE.Announce).size, 1);
    assert.equal(sources(TYPE.Sync), new Set([origin]));
    assert.is(sources(TYPE.Follow_Up).has(origin ?? ''), family === 4);
  }, 200);
}

for (const runtime of ['deno', 'bun'] as const) {
  test(`${runtime}: the relay, two-step, with a unicast Delay_Req`, async () => {
    const extra = ['hybrid_e2e 1'];
    const { offsetS, line, far } = await trial({ runtime, extra, args: ['--hold', `${HOLD_MS}`] });
    assert.ok(Math.abs(offsetS) < BOUND_S, `${offsetS}`);
    assert.equal(far.complaints, []);
    assert.ok(line.corrected > 30, JSON.stringify(line));
    const asked = far.packets.find(({ type }) => type === TYPE.Delay_Req);
    assert.is(asked?.dst, lanIp('here', 1));
  }, 100);
}

test('one-step: Sync and Delay_Req are corrected as they leave', async () => {
  const { offsetS, line, far } = await trial({ args: ['--one-step', '--hold', `${HOLD_MS}`] });
  assert.ok(Math.abs(offsetS) < BOUND_S, `${offsetS}`);
  assert.equal(far.complaints, []);
  assert.ok(line.corrected > 30, JSON.stringify(line));
}, 100);

test('our plain slave keeps its master though every Sync comes from the relay, and asks the address of the Announce (EP-026, EP-098)', async () => {
  const lan = await theLan();
  const args = ['--rewrite-source', 'timed', '--hold', `${HOLD_MS}`];
  const relay = startRelay(lan, lan.between, [...BETWEEN, ...args]);
  await until('the relay runs', () => relay.lines().length > 0, { timeoutMs: 20_000 });
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  ptp4l(lan, lan.here, { extra: ['masterOnly 1'] });
  const slave = startPtp(lan, lan.there, ['slave', lanIp('there', 1), '--hybrid', '--delay', '-3']);
  const last = () => slave.lines().at(-1);
  await until('it measures', () => (last()?.paths.at(0)?.reverse ?? 0) > 40, {
    timeoutMs: 60_000,
    detail: slave.log,
  });
  await capture.stop();
  const { packets } = await analysePtp(lan.there, capture.file);
  const [master, between] = [lanIp('here', 1), '10.82.0.51'];
  const of = (type: number, side: 'src' | 'dst') =>
    new Set(packets.filter((one) => one.type === type).map((one) => one[side]));
  assert.equal(of(TYPE.Sync, 'src'), new Set([between]));
  assert.equal(of(TYPE.Announce, 'src'), new Set([master]));
  assert.equal(of(TYPE.Delay_Req, 'dst'), new Set([master]));
  assert.is(last()?.paths.length, 1);
  assert.ok(Math.abs(last()?.combined?.offset ?? 1) < 1e-3, JSON.stringify(last()?.combined));
}, 100);

test.run();
