/** What a replay prints for machines, and recordings as open JSON Lines. */
import type { ClockEvent } from '../events.ts';
import type { PathKey } from '../path.ts';
import { RECEIVE_SHIFT, SEND_SHIFT, stampAt } from '../stamps.ts';
import type { Time64 } from './batch.ts';
import { FORMAT, RECORD_BYTES, type RecordingEvent, recordedEvent, VERSION } from './blocks.ts';
import { createRecordingReader, type RecordingProblem } from './reader.ts';
import {
  getUnixNs,
  isOneWay,
  KIND_NTP,
  KIND_REVERSE,
  kindOf,
  RECORD_CORRECTION,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_LOCAL_RECEIVE,
  RECORD_LOCAL_SEND,
  RECORD_PATH,
  RECORD_REMOTE,
  RECORD_REMOTE_RECEIVE,
  RECORD_REMOTE_SEND,
} from './record.ts';
import type { ReplayResult, ReplaySummary } from './replay.ts';
import type { CombinerTally } from './tally.ts';

/** Seconds from 1900-01-01 (NTP era 0) to 1970-01-01 (Unix). */
const UNIX_TO_NTP_S = 2208988800;
const WORD = 4294967296; // 2^32
const FIVE_9 = 1953125; // 10^9 / 2^9
/** A causal bound beyond this says nothing, s. */
const UNBOUNDED_S = 9e10;

/** One record of a replay as a line of JSON, without the newline. */
export function resultLine(result: ReplayResult): string {
  const { valid, kind } = result;
  const figure = (value: number) => (valid && Number.isFinite(value) ? value : 'null');
  const edge = (value: number) => (Math.abs(value) < UNBOUNDED_S ? figure(value) : 'null');
  const oneWay = kind === 'exchange' ? '' : `,"kind":"${kind}"`;
  return `{"at":"${decimalNs(result.seconds, result.ns)}","offset":${figure(
    result.offsetS,
  )},"uncertainty":${figure(result.uncertaintyS)},"earliest":${figure(
    result.earliestS,
  )},"latest":${figure(result.latestS)},"frequency":${figure(
    result.frequency,
  )},"path":${JSON.stringify(result.path)}${oneWay},"pathState":"${result.pathState}","causalEarliest":${edge(
    result.causalEarliestS,
  )},"causalLatest":${edge(result.causalLatestS)}}`;
}

/** An event of a replay, or of any run, as a line of JSON, without the newline. */
export const eventLine = (event: ClockEvent): string => recordedLine(recordedEvent(event));

function recordedLine({ event, seconds, ns, ...more }: RecordingEvent): string {
  const { sinceS, ...rest } = more as { sinceS?: number };
  const since = sinceS ? { since: unixNsText(sinceS) } : {};
  return JSON.stringify({ event, at: decimalNs(seconds, ns), ...rest, ...since });
}

/** Unix s as decimal ns; an f64 is right to a quarter of a microsecond there. */
const unixNsText = (s: number): string => `${Math.round(s * 1e6)}000`;

/** The last line of a replay: counts, and rms, p95, max and inside where there was truth. */
export function summaryLine(summary: ReplaySummary): string {
  const [first] = summary.combiners;
  const { files, exchanges, badLines, paths, spanS } = summary;
  const at = (time: Time64 | null) => (time === null ? null : decimalOf(time));
  return JSON.stringify({
    summary: {
      combiner: first?.combiner,
      files,
      exchanges,
      ...(first === undefined ? {} : figures(first)),
      badLines,
      paths,
      first: at(summary.first),
      last: at(summary.last),
      spanS,
      combiners: Object.fromEntries(summary.combiners.map((t) => [t.combiner, figures(t)])),
    },
  });
}

function figures({ used, held, statuses, truth, unscored }: CombinerTally): object {
  const { duplicate, order, hold, late } = statuses;
  const counts = { used, held, refused: { duplicate, order, hold, late } };
  if (truth === null) return counts;
  const { count, rms, p95, max, inside, causalInside } = truth;
  return { ...counts, rms, p95, max, inside, causalInside, scored: count, unscored };
}

/** seconds·10^9 + ns in decimal, exact. */
export function decimalNs(seconds: number, ns: number): string {
  if (seconds >= 0) return seconds === 0 ? `${ns}` : `${seconds}${nine(ns)}`;
  const s = ns === 0 ? -seconds : -seconds - 1;
  const rest = ns === 0 ? 0 : 1e9 - ns;
  return s === 0 ? `-${rest}` : `-${s}${nine(rest)}`;
}

const nine = (ns: number): string => String(ns).padStart(9, '0');

/** A summary's time in decimal ns, exact. */
export function decimalOf(time: Time64): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, time.low, true);
  view.setInt32(4, time.high, true);
  return decimalAt(view, 0);
}

function decimalAt(view: DataView, at: number): string {
  const { seconds, ns } = getUnixNs(view, at);
  return decimalNs(seconds, ns);
}

/** The header line of the open form. */
export const headerLine = (): string => `{"clockbraid":"${FORMAT}","version":${VERSION}}`;

/**
 * One core record as a line of the open form, without the newline.
 * @param truthS NaN if unknown
 */
export function recordLine(
  path: PathKey,
  view: DataView,
  record: number,
  truthS = Number.NaN,
): string {
  const word = view.getUint32(record + RECORD_KIND, true);
  const kind = kindOf(word);
  if (!isOneWay(kind)) return exchangeLine(path, view, record, truthS);
  const isReverse = kind === KIND_REVERSE;
  const [send, receive] = isReverse ? [RECORD_LOCAL, RECORD_REMOTE] : [RECORD_REMOTE, RECORD_LOCAL];
  return `{"path":${JSON.stringify(path)},"kind":"${isReverse ? 'reverse' : 'forward'}","send":"${decimalAt(
    view,
    record + send,
  )}","receive":"${decimalAt(view, record + receive)}","correction":"${decimalAt(
    view,
    record + RECORD_CORRECTION,
  )}"${stampsText(word)}${truthText(truthS)}}`;
}

const truthText = (truthS: number): string => (Number.isFinite(truthS) ? `,"truth":${truthS}` : '');

/** Whose the local stamps are, where it was told. */
function stampsText(word: number): string {
  const send = stampAt(word, SEND_SHIFT);
  const receive = stampAt(word, RECEIVE_SHIFT);
  const sent = send === undefined ? '' : `,"sendStamp":"${send}"`;
  return receive === undefined ? sent : `${sent},"receiveStamp":"${receive}"`;
}

/**
 * As {@link recordLine}, of an exchange. NTP stamps become the nearest
 * ns, in the era nearest to the local receive; so a replay of the line may differ by half a ns.
 * @param truthS NaN if unknown
 */
export function exchangeLine(
  path: PathKey,
  view: DataView,
  record: number,
  truthS = Number.NaN,
): string {
  const word = view.getUint32(record + RECORD_KIND, true);
  const remote =
    kindOf(word) === KIND_NTP
      ? (at: number) => unixFromNtp(view, at, record + RECORD_LOCAL_RECEIVE)
      : (at: number) => decimalAt(view, at);
  return `{"path":${JSON.stringify(path)},"localSend":"${decimalAt(
    view,
    record + RECORD_LOCAL_SEND,
  )}","remoteReceive":"${remote(record + RECORD_REMOTE_RECEIVE)}","remoteSend":"${remote(
    record + RECORD_REMOTE_SEND,
  )}","localReceive":"${decimalAt(view, record + RECORD_LOCAL_RECEIVE)}"${stampsText(word)}${truthText(
    truthS,
  )}}`;
}

function unixFromNtp(view: DataView, at: number, local: number): string {
  const fraction = view.getUint32(at, true);
  const stampS = view.getUint32(at + 4, true);
  const pivotS = getUnixNs(view, local).seconds;
  const seconds = pivotS + ((stampS - ((pivotS + UNIX_TO_NTP_S) % WORD)) | 0);
  // exact: fraction · 5^9 < 2^53, and scaling by 2^-23 only moves the exponent
  const ns = Math.round((fraction * FIVE_9) / 8388608);
  return ns === 1e9 ? decimalNs(seconds + 1, 0) : decimalNs(seconds, ns);
}

/** A binary recording as lines of the open form, header first. */
export async function* toJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  onProblem?: (problem: RecordingProblem) => void,
): AsyncGenerator<string> {
  const paths = new Map<number, PathKey>();
  let lines: string[] = [headerLine()];
  const reader = createRecordingReader({
    onPath: (path, key) => void paths.set(path, key),
    onExchanges(records, truth, block) {
      const view = new DataView(records.buffer, records.byteOffset, records.length);
      for (let at = 0, k = 0; at < records.length; at += RECORD_BYTES, k++) {
        const path = view.getUint32(at + RECORD_PATH, true);
        const key = paths.get(path);
        const kind = kindOf(view.getUint32(at + RECORD_KIND, true));
        if (key === undefined) onProblem?.({ block, reason: `path ${path} was not declared` });
        else if (kind > KIND_REVERSE)
          onProblem?.({ block, reason: `exchange of unknown kind ${kind}` });
        else lines.push(recordLine(key, view, at, truth?.getFloat64(k * 8, true)));
      }
    },
    onEvent: (event) => lines.push(recordedLine(event)),
    ...(onProblem === undefined ? {} : { onProblem }),
  });
  for await (const chunk of chunks) {
    reader.push(chunk);
    yield* lines;
    lines = [];
  }
  reader.end();
  yield* lines;
}
