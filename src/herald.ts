/** Events of a running client: the core's verdicts as they come, and a timer for what is due later. */
import type { Ensemble, Sample } from './ensemble.ts';
import { type ClockEvent, createEventWatch } from './events.ts';
import type { Host } from './udp/udp.ts';

export interface Herald {
  /** After each exchange. */
  sample(sample: Sample): void;
  /** No path is reachable any more. */
  silent(): void;
  close(): void;
}

/** Timers of some runtimes hold no more than 2^31 ms. */
const LONGEST_TIMER_MS = 2 ** 30;

/** @param emit called synchronously; must not throw */
export function createHerald(
  host: Host,
  ensemble: Ensemble,
  emit: (event: ClockEvent) => void,
): Herald {
  const { epochS } = host.clock;
  const watch = createEventWatch(emit);
  let cancel: (() => void) | null = null;
  let armedS = Number.POSITIVE_INFINITY;
  let closed = false;

  /** Wakes up when an event is due although nothing is heard. */
  function advance(atS: number): void {
    watch.advance(atS);
    if (watch.dueS === armedS || closed) return;
    armedS = watch.dueS;
    cancel?.();
    cancel = null;
    if (armedS === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max((armedS - atS) * 1000, 0), LONGEST_TIMER_MS);
    cancel = host.setTimer(() => {
      armedS = Number.POSITIVE_INFINITY;
      advance(epochS + host.clock.now() / 1e9);
    }, delayMs);
  }

  return {
    sample({ atNs }) {
      const atS = epochS + atNs / 1e9;
      for (const verdict of ensemble.cores[0]?.takeVerdicts() ?? []) {
        watch.take(verdict, verdict.about === 'path' ? ensemble.pathAt(verdict.path) : undefined);
      }
      watch.heard(atS);
      advance(atS);
    },
    silent: () => watch.silent(epochS + host.clock.now() / 1e9),
    close() {
      closed = true;
      cancel?.();
    },
  };
}
