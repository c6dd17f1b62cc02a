/** Laws of queueing, from data to functions of the time of a packet. */
import { exponential, normal, type Random } from './random.ts';
import type { Queue } from './scenario.ts';

/** Delay in the queue for a packet that comes at `at`, s; asked in any order. */
export type Delay = (at: number) => number;

/**
 * @param random a stream of the law's own
 * @param stepS step in which a correlated queue moves
 */
export function delayOf(queue: Queue, random: Random, stepS: number): Delay {
  switch (queue.law) {
    case 'none':
      return () => 0;
    case 'exp': {
      const { meanS } = queue;
      return () => meanS * exponential(random);
    }
    case 'lognormal': {
      const { medianS, sigma } = queue;
      return () => medianS * Math.exp(sigma * normal(random));
    }
    case 'lomax': {
      const { scaleS, shape } = queue;
      return () => scaleS * (random() ** (-1 / shape) - 1);
    }
    case 'erlang': {
      const { stages } = queue;
      const meanS = queue.meanS / stages;
      return () => {
        let sum = 0;
        for (let k = 0; k < stages; k++) sum += exponential(random);
        return meanS * sum;
      };
    }
    case 'gauss': {
      const { sdS } = queue;
      return () => sdS * normal(random);
    }
    case 'correlated':
      return correlated(queue.meanS, queue.timeS, random, stepS);
  }
}

/** W ← max(0, W − b·dt + a·√dt·g), kept step by step so that late packets find their own time. */
function correlated(meanS: number, timeS: number, random: Random, stepS: number): Delay {
  const down = (2 * meanS * stepS) / timeS;
  const spread = 2 * meanS * Math.sqrt(stepS / timeS);
  let values = new Float64Array(1024);
  values[0] = meanS * exponential(random);
  let known = 1;
  return (at) => {
    const n = Math.max(0, Math.floor(at / stepS));
    if (n >= values.length) {
      const more = new Float64Array(Math.max(2 * values.length, n + 1));
      more.set(values);
      values = more;
    }
    for (; known <= n; known++) {
      values[known] = Math.max(0, (values[known - 1] ?? 0) - down + spread * normal(random));
    }
    return values[n] ?? 0;
  };
}
