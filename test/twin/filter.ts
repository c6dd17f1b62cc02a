/**
 * The joint multipath Kalman filter as the textbook has it: state x = [θ, ω, b_0 … b_N−1], one full
 * covariance matrix, predict P ← F P Fᵀ + Q, update with a measurement row H. A swap of a bias prior
 * is one more measurement, b_i = 0, of (perhaps negative) information. The rules around it (gate,
 * path change, clock step, votes, noise learning) are those of assembly/kalman.ts.
 */
import { assessMajority, type Majority, noMajority } from './majority.ts';
import { GATE, learnNoise, measurementVariance, startNoise } from './noise.ts';
import { isFresh, newestS, type Path, resetFloor, WARM } from './paths.ts';
import { BIAS, createState, OMEGA, THETA } from './state.ts';
import { createWander } from './wander.ts';

export const MAX_PATHS = 64;
const KAPPA = 0.02;
const LEAST_PRIOR = 1e-18;
const BIAS_WALK = 1e-18;
const GATE_RUN = 5;
const CHANGED_FOR = 32;
const YOUNG = 32;
const BEST_GROWTH = 1e-4;

/** What the filter believes, at the time of the newest exchange. */
export interface Estimate {
  /** Offset less the clock's base, s. */
  readonly restS: number;
  readonly frequency: number;
  readonly uncertaintyS: number;
  readonly frequencyUncertainty: number;
  readonly asymmetryBoundS: number;
  readonly wander: number;
  /** Paths that carry weight. */
  readonly paths: number;
}

export interface Filter {
  /**
   * Takes the last measurement of path i.
   * @param dtS since the last exchange   @param lateS older than the newest   @param now axis time, s
   * @returns true if it was gated
   */
  measure(i: number, dtS: number, lateS: number, now: number): boolean;
  /** True if it stepped again so soon that it wants to start from nothing. */
  gaveUp(): boolean;
  /** Path i is new, or gone. */
  forget(i: number): void;
  estimate(): Estimate;
}

/** A filter over `paths`, which the caller fills and the filter describes. */
export function createFilter(paths: readonly Path[]): Filter {
  const { value, setValue, cell, setCell, isolate, predict, update } = createState(
    BIAS + MAX_PATHS,
  );
  const wander = createWander();
  const majority: Majority = noMajority();
  let nowS = 0;
  let started = false;
  let badRun = 0;
  let badSquare = 0;
  let sinceAssessed = 0;
  let exchanges = 0;
  let lastLearntS = 0;
  let boundS = 0;
  let carrying = 0;
  let steppedAt = 0;
  let resigned = false;
  setCell(OMEGA, OMEGA, 1e-8); // (100 ppm)²

  const size = (): number => BIAS + paths.length;

  function at(i: number): Path {
    const path = paths[i];
    if (path === undefined) throw new Error(`twin: no path ${i}`);
    return path;
  }

  function measure(i: number, dtS: number, lateS: number, now: number): boolean {
    const path = at(i);
    const b = BIAS + i;
    nowS = now;
    if (started && dtS > 0) predict(size(), dtS, wander.wander);
    exchanges++;
    if (path.counted === 0) meet(i, path);
    const walked = BIAS_WALK * Math.max(nowS - path.walkedAtS, 0);
    setCell(b, b, cell(b, b) + walked);
    path.prior += walked;
    path.walkedAtS = nowS;

    const excess = path.delayS - path.floorS;
    const variance = measurementVariance(path, excess);
    const measured = path.offsetS + value(OMEGA) * lateS;
    const first = !started;
    if (first) begin(b, measured, variance);
    const plain = measured - value(THETA) - value(b);
    const residual = plain - path.slope * excess;
    const known = Math.max(cell(THETA, THETA) + 2 * cell(THETA, b) + cell(b, b), 0);
    const total = known + variance;
    path.residualS = residual;
    const deviation = residual + value(b);
    const innovation = { excess, plain, residual, deviation, known, total };
    const gated = residual * residual > GATE * total;
    if (gated) {
      if (path.counted < WARM) path.gated++;
      else gate(i, path, measured, residual);
      learnNoise(path, innovation, isYoung());
      if (path.counted <= WARM) remember(path, deviation, variance);
    } else {
      if (GATE * total < badSquare) {
        badRun = 0;
        path.bad = 0;
      }
      learnNoise(path, innovation, isYoung());
      remember(path, deviation, variance);
      const seen = measured - path.slope * excess - value(b);
      wander.learn(Math.max(nowS - lastLearntS, 0), seen, variance + 1 / path.information);
      lastLearntS = nowS;
      const before = value(THETA);
      if (!first) update(size(), [THETA, b], residual, total);
      if (isYoung()) moveMeans(value(THETA) - before);
    }
    rememberBest(path, measured);
    assess();
    describe(i, path);
    return gated;
  }

  // --- rules --------------------------------------------------------------------------------

  function fresh(): number[] {
    const newest = newestS(paths);
    return paths.flatMap((path, i) => (isFresh(path, newest) ? [i] : []));
  }

  function priorOf(path: Path): number {
    return (path.floorS * 0.5 * KAPPA * majority.scale) ** 2 + LEAST_PRIOR;
  }

  function meet(i: number, path: Path): void {
    path.prior = priorOf(path);
    setCell(BIAS + i, BIAS + i, path.prior);
    startNoise(path);
    path.divisor = 12;
    path.walkedAtS = nowS;
  }

  /** θ = measured − b, and whatever b shares with others θ shares with the other sign. */
  function begin(b: number, measured: number, variance: number): void {
    started = true;
    setValue(THETA, measured - value(b));
    for (let a = 0; a < BIAS + MAX_PATHS; a++) {
      setCell(THETA, a, -cell(b, a));
      setCell(a, THETA, -cell(b, a));
    }
    setCell(THETA, THETA, variance + cell(b, b));
  }

  /** θ is forgotten; frequency and biases stay. */
  function restart(): void {
    started = false;
    badRun = 0;
    isolate(THETA, cell(THETA, THETA));
    for (const path of paths) {
      path.bad = 0;
      path.mean = 0;
      path.information = 0;
      path.bestDelayS = 0;
    }
    wander.restart();
  }

  function isYoung(): boolean {
    return exchanges <= YOUNG * Math.max(open(), 2);
  }

  function open(): number {
    return paths.filter((path) => path.open).length;
  }

  /** θ moved: what is kept relative to it moves the other way. */
  function moveMeans(byS: number): void {
    for (const path of paths) path.mean -= byS;
  }

  /** Keeps the quickest exchange of late: offset ± delay/2 holds the truth whatever queued. */
  function rememberBest(path: Path, measured: number): void {
    const aged = (nowS - path.bestAtS) * BEST_GROWTH;
    const isSlower = path.bestDelayS > 0 && path.delayS > path.bestDelayS;
    if (isSlower && aged < path.delayS - path.bestDelayS) return;
    path.bestOffsetS = measured;
    path.bestDelayS = Math.max(path.delayS, 1e-9);
    path.bestAtS = nowS;
  }

  function remember(path: Path, deviation: number, variance: number): void {
    const old = path.information * (127 / 128);
    path.information = old + 1 / variance;
    path.mean += (deviation - path.mean) / variance / path.information;
  }

  function gate(i: number, path: Path, measured: number, residual: number): void {
    path.bad++;
    path.gated++;
    badRun++;
    badSquare = residual * residual;
    const heard = fresh();
    const count = heard.length;
    const moving = heard.filter((j) => j !== i && movedWith(at(j), residual)).length;
    const allBad = badRun >= Math.max(GATE_RUN, 2 * count);
    const mostMove = count > 1 && path.bad >= GATE_RUN && 2 * (moving + 1) > count;
    const isStep = Math.abs(path.delayS - path.floorS) < Math.abs(residual);
    if ((allBad || mostMove) && (count > 1 || isStep)) {
      if (steppedAt > 0 && exchanges - steppedAt < 32 * Math.max(open(), 1)) resigned = true;
      steppedAt = exchanges;
      restart();
      begin(BIAS + i, measured, 4 * residual * residual);
    } else if (path.bad >= GATE_RUN && (count > 1 || !isStep)) {
      changePath(i, path, residual);
    }
  }

  /** Does not fit just now or changed of late, and by about as much. */
  function movedWith({ bad, changed, jumpS, residualS }: Path, residual: number): boolean {
    if (changed === 0 && bad < 2) return false;
    const moved = changed > 0 ? jumpS : residualS;
    return Math.abs(moved - residual) <= 0.5 * Math.abs(residual);
  }

  function changePath(i: number, path: Path, residual: number): void {
    resetFloor(path);
    path.prior = priorOf(path) + 4 * residual * residual;
    isolate(BIAS + i, path.prior);
    setValue(BIAS + i, 0);
    Object.assign(path, { bad: 0, mean: 0, information: 0, vote: 0, free: true });
    path.changed = CHANGED_FOR;
    path.jumpS = residual;
    path.counted = 1;
    startNoise(path);
  }

  /** b_i ~ N(0, wanted) instead of N(0, prior): the measurement b_i = 0 of the information between. */
  function swapPrior(i: number, path: Path, wanted: number): boolean {
    const old = path.prior;
    if (Math.abs(wanted - old) <= 0.05 * old) return true;
    const information = 1 / wanted - 1 / old;
    const total = cell(BIAS + i, BIAS + i) + 1 / information;
    if (information < 0 && !(total < -1e-3 * old)) return false;
    const before = value(THETA);
    update(size(), [BIAS + i], -value(BIAS + i), total);
    moveMeans(value(THETA) - before);
    path.prior = wanted;
    return true;
  }

  function assess(): void {
    sinceAssessed++;
    if (exchanges > 64 && sinceAssessed < Math.max(8, open())) return;
    sinceAssessed = 0;
    const heard = fresh();
    paths.forEach((path, i) => {
      if (!path.open || path.taken === 0 || heard.includes(i)) return;
      path.state = 'stale';
      path.weight = 0;
    });
    leaveImpossible(heard);
    const voting = heard.map((i) => at(i));
    if (assessMajority(voting, majority)) {
      if (shouldReseat()) reseat(heard);
      for (const i of heard) trust(i, at(i));
      for (const i of heard) distrust(i, at(i));
    }
    weigh(heard);
  }

  /** If the quickest exchanges of most paths exclude θ, it starts again where most of them meet. */
  function leaveImpossible(heard: readonly number[]): void {
    const intervals = heard
      .map((i) => at(i))
      .filter(({ bestDelayS }) => bestDelayS > 0)
      .map(({ bestOffsetS, bestDelayS, bestAtS }) => ({
        middle: bestOffsetS + value(OMEGA) * (nowS - bestAtS),
        half: bestDelayS * 0.5 + BEST_GROWTH * (nowS - bestAtS),
      }));
    const excluding = intervals.filter(
      ({ middle, half }) => Math.abs(middle - value(THETA)) > half,
    );
    const holding = (offset: number) =>
      intervals.filter(({ middle, half }) => Math.abs(middle - offset) <= half);
    let agreed: typeof intervals = [];
    for (const { middle } of excluding) {
      const meeting = holding(middle);
      if (meeting.length > agreed.length) agreed = meeting;
    }
    if (2 * excluding.length <= intervals.length || 2 * agreed.length <= intervals.length) return;
    restart();
    started = true;
    const weights = agreed.reduce((sum, { half }) => sum + 1 / half, 0);
    setValue(THETA, agreed.reduce((sum, { middle, half }) => sum + middle / half, 0) / weights);
    setCell(THETA, THETA, Math.min(...agreed.map(({ half }) => half)) ** 2);
    paths.forEach((path, i) => {
      if (path.counted === 0) return;
      if (!path.free) path.prior = priorOf(path);
      isolate(BIAS + i, path.prior);
      setValue(BIAS + i, 0);
    });
  }

  function shouldReseat(): boolean {
    if (!isYoung() || majority.voters < 3 || !majority.found) return false;
    const slack = 4 * Math.sqrt(cell(THETA, THETA)) + majority.memberHalfS;
    return majority.low > slack || majority.high < -slack;
  }

  function reseat(heard: readonly number[]): void {
    setValue(THETA, value(THETA) + majority.centreS);
    const omegaVariance = cell(OMEGA, OMEGA);
    isolate(THETA, majority.memberHalfS ** 2 + LEAST_PRIOR);
    isolate(OMEGA, omegaVariance);
    paths.forEach((path, i) => {
      if (!path.open) return;
      path.mean -= majority.centreS;
      path.free = heard.includes(i) && path.vote < 0;
      path.prior = path.free ? (path.floorS * 0.5) ** 2 + 4 * path.mean * path.mean : priorOf(path);
      isolate(BIAS + i, path.prior);
      setValue(BIAS + i, 0);
    });
    wander.restart();
  }

  function trust(i: number, path: Path): void {
    if (path.vote <= -2 || (path.free && path.vote < 4)) return;
    if (swapPrior(i, path, priorOf(path))) path.free = false;
  }

  function distrust(i: number, path: Path): void {
    if (path.vote > -2 || path.free) return;
    const away = path.mean - majority.centreS;
    if (swapPrior(i, path, (path.floorS * 0.5) ** 2 + 4 * away * away)) path.free = true;
  }

  function weigh(heard: readonly number[]): void {
    const weights = heard.map((i) => {
      const path = at(i);
      const counted = Math.max(Math.min(path.counted, 256), 1);
      return 1 / (path.prior + path.given / counted + 1e-24);
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    if (sum <= 0) return;
    boundS = 0;
    carrying = 0;
    heard.forEach((i, index) => {
      const path = at(i);
      path.weight = (weights[index] ?? 0) / sum;
      boundS += path.weight * path.floorS * 0.5;
      if (!path.free) carrying++;
      path.asymmetryS = -value(BIAS + i);
    });
  }

  function describe(i: number, path: Path): void {
    const changed = path.changed > 0;
    if (changed) path.changed--;
    if (path.taken < WARM) path.state = 'warming';
    else if (path.free && path.vote < 0) path.state = 'quarantined';
    else if (changed || path.free) path.state = 'changed';
    else path.state = isCongested(i, path) ? 'congested' : 'good';
  }

  function isCongested(i: number, path: Path): boolean {
    const others = paths.filter((other, j) => j !== i && other.open);
    const quieter = others.filter((other) => other.given * 25 < path.given).length;
    return others.length > 0 && 2 * quieter >= others.length;
  }

  return {
    measure,
    gaveUp: () => resigned,
    forget(i) {
      isolate(BIAS + i, 0);
      setValue(BIAS + i, 0);
    },
    estimate: () => ({
      restS: value(THETA),
      frequency: value(OMEGA),
      uncertaintyS: Math.sqrt(Math.max(cell(THETA, THETA), 0)),
      frequencyUncertainty: Math.sqrt(Math.max(cell(OMEGA, OMEGA), 0)),
      asymmetryBoundS: boundS,
      wander: wander.wander,
      paths: carrying,
    }),
  };
}
