/** The joint filter's steps as the textbook has them: one full matrix, H as a row of numbers. */

const START_FREQUENCY_VARIANCE = 1e-8;
const PRIOR_S = 1e-3;
const WANDER = 1e-18;
const [THETA, OMEGA, FIRST] = [0, 1, 2] as const;
const STEP_SLOTS = 5;

export interface JointTwin {
  /** Steps of {path, dt, reverse, forward, variance}, one after another. */
  take(steps: Float64Array): void;
  /** θ, ω, their variances and covariance, then one number per path. */
  state(): number[];
}

export function createJointTwin(paths: number): JointTwin {
  const size = FIRST + paths;
  const x: number[] = Array(size).fill(0);
  const P = x.map((_, a) => x.map((_, b) => (a === b ? PRIOR_S ** 2 : 0)));
  const cell = (a: number, b: number): number => P[a]?.[b] ?? 0;
  const setCell = (a: number, b: number, to: number): void => {
    const row = P[a];
    if (row !== undefined) row[b] = to;
  };
  setCell(OMEGA, OMEGA, START_FREQUENCY_VARIANCE);

  function predict(dtS: number): void {
    x[THETA] = (x[THETA] ?? 0) + dtS * (x[OMEGA] ?? 0);
    for (let b = 0; b < size; b++) setCell(THETA, b, cell(THETA, b) + dtS * cell(OMEGA, b));
    for (let a = 0; a < size; a++) setCell(a, THETA, cell(a, THETA) + dtS * cell(a, OMEGA));
    setCell(THETA, THETA, cell(THETA, THETA) + (WANDER * dtS ** 3) / 3);
    setCell(THETA, OMEGA, cell(THETA, OMEGA) + (WANDER * dtS ** 2) / 2);
    setCell(OMEGA, THETA, cell(OMEGA, THETA) + (WANDER * dtS ** 2) / 2);
    setCell(OMEGA, OMEGA, cell(OMEGA, OMEGA) + WANDER * dtS);
  }

  /** Takes `span` = sign·θ + d of a path + noise. */
  function update(path: number, sign: number, span: number, variance: number): void {
    const own = FIRST + path;
    const column = x.map((_, a) => sign * cell(a, THETA) + cell(a, own));
    const total = sign * (column[THETA] ?? 0) + (column[own] ?? 0) + variance;
    const residual = span - sign * (x[THETA] ?? 0) - (x[own] ?? 0);
    for (const [a, gain] of column.entries()) {
      x[a] = (x[a] ?? 0) + (gain * residual) / total;
      for (const [b, other] of column.entries()) setCell(a, b, cell(a, b) - (gain * other) / total);
    }
  }

  return {
    take(steps) {
      for (let at = 0; at < steps.length; at += STEP_SLOTS) {
        const [path = 0, dtS = 0, reverse = 0, forward = 0, variance = 1] = steps.subarray(at);
        predict(dtS);
        update(path, 1, reverse, variance);
        update(path, -1, forward, variance);
      }
    },
    state: () => [
      x[THETA] ?? 0,
      x[OMEGA] ?? 0,
      cell(THETA, THETA),
      cell(THETA, OMEGA),
      cell(OMEGA, OMEGA),
      ...x.slice(FIRST),
    ],
  };
}
