/**
 * State vector and full covariance matrix of the twin's filter, with the three textbook operations.
 * Rows: 0 is the offset θ, 1 the frequency ω, from 2 on one bias per path.
 */

export const THETA = 0;
export const OMEGA = 1;
export const BIAS = 2;

export interface State {
  value(a: number): number;
  setValue(a: number, value: number): void;
  cell(a: number, b: number): number;
  setCell(a: number, b: number, value: number): void;
  /** Sets row and column `a` to zero but for its variance. */
  isolate(a: number, variance: number): void;
  predict(rows: number, dtS: number, wander: number): void;
  /** Takes a measurement of the sum of the rows in `ones`, with `total` = H P Hᵀ + R. */
  update(rows: number, ones: readonly number[], residual: number, total: number): void;
}

export function createState(size: number): State {
  const x: number[] = Array(size).fill(0);
  const P: number[][] = x.map(() => Array(size).fill(0));

  const value = (a: number): number => x[a] ?? 0;
  const cell = (a: number, b: number): number => P[a]?.[b] ?? 0;

  function setValue(a: number, to: number): void {
    x[a] = to;
  }

  function setCell(a: number, b: number, to: number): void {
    const row = P[a];
    if (row !== undefined) row[b] = to;
  }

  function isolate(a: number, variance: number): void {
    for (let b = 0; b < size; b++) {
      setCell(a, b, 0);
      setCell(b, a, 0);
    }
    setCell(a, a, variance);
  }

  /** x ← F x, P ← F P Fᵀ + Q, where F adds dt·ω to θ and Q is the random walk of ω. */
  function predict(rows: number, dtS: number, q: number): void {
    setValue(THETA, value(THETA) + dtS * value(OMEGA));
    for (let b = 0; b < rows; b++) setCell(THETA, b, cell(THETA, b) + dtS * cell(OMEGA, b));
    for (let a = 0; a < rows; a++) setCell(a, THETA, cell(a, THETA) + dtS * cell(a, OMEGA));
    setCell(THETA, THETA, cell(THETA, THETA) + (q * dtS ** 3) / 3);
    setCell(THETA, OMEGA, cell(THETA, OMEGA) + (q * dtS * dtS) / 2);
    setCell(OMEGA, THETA, cell(OMEGA, THETA) + (q * dtS * dtS) / 2);
    setCell(OMEGA, OMEGA, cell(OMEGA, OMEGA) + q * dtS);
  }

  /** K = P Hᵀ / total, x ← x + K r, P ← P − K H P. */
  function update(rows: number, ones: readonly number[], residual: number, total: number): void {
    const column: number[] = [];
    for (let a = 0; a < rows; a++) column.push(ones.reduce((sum, one) => sum + cell(a, one), 0));
    for (let a = 0; a < rows; a++) {
      const gain = (column[a] ?? 0) / total;
      setValue(a, value(a) + gain * residual);
      for (let b = 0; b < rows; b++) setCell(a, b, cell(a, b) - gain * (column[b] ?? 0));
    }
    // variances stay above what rounding could make of them
    for (let a = 0; a < rows; a++) setCell(a, a, Math.max(cell(a, a), a === OMEGA ? 1e-30 : 1e-24));
  }

  return { value, setValue, cell, setCell, isolate, predict, update };
}
