/** Capture files: every format, byte order, resolution and link type; damage is told, not thrown. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Frame } from '../../src/capture/frame.ts';
import { type UdpPacket, udpOf } from '../../src/capture/ip.ts';
import { carriedBy } from '../../src/capture/link.ts';
import { createCaptureReader } from '../../src/capture/reader.ts';
import { createLint, endLint } from '../../src/check/lint.ts';
import { createFrameTally, lintFrame } from '../../src/check/packet.ts';
import { createRandom } from '../fuzz/random.ts';
import { CAPTURED } from '../ptp/wire.ts';
import { framesOf, ipPacket, type NgOptions, type Packet, pcapngOf, pcapOf } from './files.ts';

const test = suite('capture');

const octets = (hex: string): number[] =>
  (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
const V4: Packet = {
  src: '10.0.0.1',
  dst: '224.0.1.129',
  port: 320,
  payload: octets(CAPTURED.announce),
};
const V6: Packet = { ...V4, src: 'fd00::1', dst: 'ff0e::181' };

/** All frames, copied, and what is wrong; in pieces of `size` octets. */
function read(file: Uint8Array, size = file.length || 1) {
  const reader = createCaptureReader();
  const frames: Frame[] = [];
  for (let at = 0; at < file.length; at += size) {
    const chunk = file.slice(at, at + size);
    reader.push(chunk, (frame) => frames.push({ ...frame, bytes: frame.bytes.slice() }));
    chunk.fill(0xee); // it belongs to the caller
  }
  return { frames, problem: reader.end() };
}

function packetOf(frame: Frame | undefined): UdpPacket | null {
  const carried = carriedBy(frame?.link ?? -1, frame?.bytes ?? new Uint8Array());
  return carried.kind === 'ip' ? udpOf(carried.bytes) : null;
}

function assertPacket(frame: Frame | undefined, { src, dst, port, payload }: Packet): void {
  const packet = packetOf(frame);
  assert.is(packet?.src, src);
  assert.is(packet?.dst, dst);
  assert.is(packet?.dstPort, port);
  assert.is(packet?.srcPort, port);
  assert.is(packet?.hops, 7);
  assert.is(packet?.isCut, false);
  assert.equal([...(packet?.bytes ?? [])], [...payload]);
}

for (const packet of [V4, V6]) {
  for (const [name, link, frame] of framesOf(packet)) {
    test(`${name}, ${packet.src}: in both formats and byte orders`, () => {
      for (const isLittle of [false, true]) {
        const old = read(pcapOf(link, [{ atS: 1, fraction: 2, frame }], { isLittle }));
        const ng = read(pcapngOf(link, [{ ticks: 1_000_002n, frame }], { isLittle }));
        for (const { frames, problem } of [old, ng]) {
          assert.is(problem, null);
          assert.is(frames.length, 1);
          assert.is(frames[0]?.atNs, 1_000_002_000n);
          assertPacket(frames[0], packet);
        }
      }
    });
  }
}

test('times of pcap in us and ns, in both byte orders', () => {
  const at = { atS: 1_700_000_000, fraction: 123_456, frame: ipPacket(V4) };
  for (const isLittle of [false, true]) {
    for (const isNs of [false, true]) {
      const { frames } = read(pcapOf(101, [at], { isLittle, isNs }));
      assert.is(frames[0]?.atNs, 1_700_000_000_000_000_000n + (isNs ? 123_456n : 123_456_000n));
    }
  }
});

test('times of pcapng in powers of ten and two, and with an offset', () => {
  const timeOf = (ticks: bigint, options: NgOptions) =>
    read(pcapngOf(101, [{ ticks, frame: ipPacket(V4) }], options)).frames[0]?.atNs;
  for (const isLittle of [false, true]) {
    assert.is(timeOf(5n, { isLittle }), 5_000n);
    assert.is(timeOf(5n, { isLittle, resolution: 9 }), 5n);
    assert.is(timeOf(5n, { isLittle, resolution: 3 }), 5_000_000n);
    assert.is(timeOf(5_000n, { isLittle, resolution: 12 }), 5n);
    assert.is(timeOf(3n << 31n, { isLittle, resolution: 0x80 | 32 }), 1_500_000_000n);
    assert.is(
      timeOf(7n, { isLittle, resolution: 0, offsetS: 2 ** 32 + 5 }),
      4_294_967_308_000_000_000n,
    );
    assert.is(timeOf(7n, { isLittle, offsetS: -1 }), -999_993_000n);
    assert.is(
      timeOf(1_700_000_000_123_456_789n, { isLittle, resolution: 9 }),
      1_700_000_000_123_456_789n,
    );
  }
});

test('old and simple packet blocks of pcapng', () => {
  const frame = ipPacket(V4);
  for (const isLittle of [false, true]) {
    for (const kind of ['old', 'simple'] as const) {
      const { frames, problem } = read(pcapngOf(101, [{ ticks: 9n, frame }], { isLittle, kind }));
      assert.is(problem, null);
      assert.is(frames[0]?.atNs, kind === 'old' ? 9_000n : 0n);
      assertPacket(frames[0], V4);
    }
  }
});

test('sections one after another, each with a byte order of its own', () => {
  const frame = ipPacket(V4);
  const [a, b] = [false, true].map((isLittle) =>
    pcapngOf(101, [{ ticks: 9n, frame }], { isLittle }),
  );
  const { frames, problem } = read(Uint8Array.from([...(a ?? []), ...(b ?? [])]), 7);
  assert.is(problem, null);
  assert.is(frames.length, 2);
  for (const one of frames) assertPacket(one, V4);
});

test('extension headers of IPv6 and options of IPv4 are stepped over', () => {
  const hopByHop = [60, 0, 5, 2, 0, 0, 1, 0];
  const destination = [44, 0, 1, 4, 0, 0, 0, 0];
  const wholeFragment = [51, 0, 0, 0, 0, 0, 0, 9];
  const authentication = [17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const extra = [...hopByHop, ...destination, ...wholeFragment, ...authentication];
  const frame = (bytes: readonly number[]): Frame => ({
    ...{ atNs: 0n, link: 101, wireBytes: 0 },
    bytes: Uint8Array.from(bytes),
  });
  assertPacket(frame(ipPacket({ ...V6, extra, next: 0 })), V6);
  assertPacket(frame(ipPacket({ ...V4, extra: [1, 1, 1, 1] })), V4);
  const part = [17, 0, 0, 8, 0, 0, 0, 9];
  assert.is(packetOf(frame(ipPacket({ ...V6, extra: part, next: 44 }))), null);
  assert.is(packetOf(frame(ipPacket({ ...V6, next: 6 }))), null, 'TCP');
  const fragment = [...ipPacket(V4)];
  fragment[6] = 0x20;
  assert.is(packetOf(frame(fragment)), null);
});

test('a capture that kept less than was sent says so', () => {
  const bytes = Uint8Array.from(ipPacket(V4).slice(0, 60));
  assert.is(udpOf(bytes)?.isCut, true);
});

test('PTP over Ethernet is known as such, other frames are none of ours', () => {
  const frame = Uint8Array.from([...new Array(12).fill(3), 0x88, 0xf7, 1, 2, 3]);
  const carried = carriedBy(1, frame);
  assert.is(carried.kind, 'ptp-ethernet');
  assert.is(carried.kind === 'ptp-ethernet' && carried.src, '03:03:03:03:03:03');
  assert.is(carriedBy(1, new Uint8Array(60)).kind, 'none');
  assert.is(carriedBy(147, frame).kind, 'none');
});

test('bytes may come in pieces of any size', () => {
  const frames = [1, 2, 3].map((atS) => ({ atS, fraction: 0, frame: ipPacket(V4) }));
  const ng = frames.map(({ atS, frame }) => ({ ticks: BigInt(atS) * 1_000_000n, frame }));
  for (const file of [pcapOf(101, frames), pcapngOf(101, ng, { isLittle: true })]) {
    const whole = read(file);
    assert.is(whole.frames.length, 3);
    for (const size of [1, 2, 3, 5, 16, 17, 100]) assert.equal(read(file, size), whole);
  }
});

test('a file cut off anywhere ends with one clear sentence, and what came before is read', () => {
  const frames = [1, 2].map((atS) => ({ atS, fraction: 0, frame: ipPacket(V4) }));
  const ng = frames.map(({ atS, frame }) => ({ ticks: BigInt(atS), frame }));
  for (const file of [pcapOf(101, frames), pcapngOf(101, ng)]) {
    let whole = 0;
    for (let length = 0; length < file.length; length++) {
      const { frames: found, problem } = read(file.slice(0, length), 11);
      if (problem === null) whole++;
      else assert.match(problem, /^it (is empty|is neither a pcap nor|ends within a block)/);
      assert.ok(found.length <= 2);
    }
    assert.ok(whole >= 2 && whole < 8, `${whole} cuts fell between blocks`);
  }
});

test('what is no capture, or damaged, is told in one sentence', () => {
  const problem = (bytes: readonly number[]) => read(Uint8Array.from(bytes)).problem ?? '';
  assert.match(problem([]), /^it is empty$/);
  assert.match(problem([1, 2, 3, 4, 5]), /^it is neither a pcap nor a pcapng file$/);
  assert.match(problem([0x1f, 0x8b, 8, 0, 0, 0]), /^it is compressed: unpack it first$/);
  const huge = pcapOf(101, [{ atS: 1, fraction: 0, frame: ipPacket(V4) }]);
  huge[32] = 0x7f;
  assert.match(problem([...huge]), /^a record claims \d+ octets at octet 24: the file is damaged$/);
  const ng = pcapngOf(101, [{ ticks: 1n, frame: ipPacket(V4) }]);
  const spoiled = (at: number, value: number) =>
    problem([...ng].map((octet, n) => (n === at ? value : octet)));
  assert.match(spoiled(7, 29), /^a block claims 29 octets at octet 0/);
  assert.match(spoiled(8, 0), /^a section has no byte order at octet 0/);
  assert.match(spoiled(27, 32), /^the two lengths of a block differ at octet 0/);
});

test('10^5 damaged files: nothing is thrown, and each ends', () => {
  const seed = 20_260_1121;
  const random = createRandom(seed);
  const frames = [V4, V6].flatMap(framesOf);
  const good = frames.flatMap(([, link, frame]) => [
    pcapOf(
      link,
      [1, 2].map((atS) => ({ atS, fraction: 0, frame })),
      { isLittle: link % 2 === 0 },
    ),
    pcapngOf(
      link,
      [
        { ticks: 5n, frame },
        { ticks: 6n, frame },
      ],
      { isLittle: link % 2 === 1, offsetS: 3 },
    ),
  ]);
  const [first = new Uint8Array(1)] = good;
  let damaged = 0;
  for (let round = 0; round < 100_000; round++) {
    const file = (good[random.below(good.length)] ?? first).slice();
    for (let n = random.below(6); n >= 0; n--) {
      const at = random.below(random.below(2) === 0 ? Math.min(80, file.length) : file.length);
      file[at] = random.pick([0, 1, 0xff, 0x80, random.below(256)]);
    }
    const cut = random.below(4) === 0 ? random.below(file.length) : file.length;
    const reader = createCaptureReader();
    const lint = createLint({ profile: 'enterprise' });
    const tally = createFrameTally();
    const onFrame = (frame: Frame) => lintFrame(lint, tally, frame);
    const half = random.below(cut + 1);
    reader.push(file.subarray(0, half), onFrame);
    reader.push(file.subarray(half, cut), onFrame);
    endLint(lint);
    if (reader.end() !== null) damaged++;
    assert.ok(tally.frames <= 12, `seed ${seed}, round ${round}: ${tally.frames} frames`);
  }
  assert.ok(damaged > 20_000 && damaged < 100_000, `${damaged} were damaged`);
});

test.run();
