/** The TypeScript twin's side of the cases: exchanges through the slow, obvious Kalman filter. */
import { createKalmanTwin, type KalmanTwin } from '../test/twin/kalman.ts';
import { type Feed, feedPieces } from './feed.ts';
import { near } from './measure.ts';
import type { Exchange } from './world.ts';

/** Two ways to round the same filter in f64. (s) */
const TOLERANCE_S = 1e-11;
const PIECE = 64;

export function feedTwin(paths: number, exchanges: readonly Exchange[]): Feed {
  let twin = freshTwin(paths);
  return feedPieces(
    {
      start() {
        twin = freshTwin(paths);
      },
      take(from, to) {
        for (let k = from; k < to; k++) give(twin, exchanges[k]);
      },
      end: () => twin.clock()?.restS ?? Number.NaN,
    },
    exchanges.length,
    PIECE,
  );
}

/** Throws unless the core's offset after every exchange is the twin's. */
export function checkTwin(
  offsetOf: (index: number) => number,
  paths: number,
  exchanges: readonly Exchange[],
): void {
  const twin = freshTwin(paths);
  for (const [k, exchange] of exchanges.entries()) {
    give(twin, exchange);
    const { baseS, restS } = twin.clock() ?? { baseS: Number.NaN, restS: Number.NaN };
    near(`offset after exchange ${k}`, offsetOf(k), baseS + restS, TOLERANCE_S);
  }
}

function freshTwin(paths: number): KalmanTwin {
  const twin = createKalmanTwin();
  for (let path = 0; path < paths; path++) twin.openPath();
  return twin;
}

function give(twin: KalmanTwin, exchange: Exchange | undefined): void {
  if (exchange === undefined) return;
  twin.exchange(exchange.path, exchange.t1, exchange.t2, exchange.t3, exchange.t4);
}
