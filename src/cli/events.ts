/** Events of the clock as people read them, and the last of them for those who watch. */
import type { ClientEvents } from '../client.ts';
import type { ClockEvent } from '../events.ts';
import { timeText } from './json.ts';

const WORDS: Readonly<Record<ClockEvent['type'], string>> = {
  suspicion: 'Suspicion of',
  cleared: 'Cleared',
  rerouted: 'New route of',
  contradiction: 'Contradiction by',
  'majority-lost': 'Majority lost',
  'majority-back': 'Majority back',
  holdover: 'Holdover',
  back: 'Back from holdover',
  step: 'Step',
};

/** `2026-11-20T12:03:24Z Suspicion of 192.0.2.1|198.51.100.7: offset shifts with its delay: …` */
export function eventText(event: ClockEvent): string {
  const whole = Math.floor(event.atS);
  const time = timeText(whole, (event.atS - whole) * 1e9).slice(0, 19);
  const whom = 'path' in event ? ` ${event.path}` : '';
  return `${time}Z ${WORDS[event.type]}${whom}: ${event.reason}`;
}

export interface EventTail {
  /** Hand these to the client. */
  readonly events: ClientEvents;
  /** The last ones, oldest first. */
  readonly latest: readonly ClockEvent[];
  /** Those that were not drained yet, oldest first. */
  drain(): readonly ClockEvent[];
}

const LATEST = 3;

export function createEventTail(): EventTail {
  const latest: ClockEvent[] = [];
  let pending: ClockEvent[] = [];
  return {
    latest,
    events: {
      onEvent(event) {
        pending.push(event);
        if (latest.push(event) > LATEST) latest.shift();
      },
    },
    drain() {
      const drained = pending;
      pending = [];
      return drained;
    },
  };
}
