/**
 * Wander of the twin: eight plain two-state Kalman filters, one per decade of wander, scored by the
 * likelihood of what they predicted.
 */

interface Model {
  readonly wander: number;
  x: number;
  y: number;
  p00: number;
  p01: number;
  p11: number;
  score: number;
}

const ROUND = 16;
const FORGET = 127 / 128;
const TRUST_AFTER = 64;
const START_WANDER = 1e-17;
const START_FREQUENCY_VARIANCE = 1e-8;

export function createWander() {
  const models: Model[] = [];
  for (let wander = 1e-21; models.length < 8; wander *= 10) {
    models.push({ wander, x: 0, y: 0, p00: 0, p01: 0, p11: 0, score: 0 });
  }
  const scales = models.map(() => 1);
  const squares = models.map(() => 0);
  let inRound = 0;
  let taken = 0;
  let wander = START_WANDER;

  function learn(dtS: number, z: number, r: number): void {
    taken++;
    if (taken === 1) {
      models.forEach((model, index) => {
        model.x = z;
        model.p00 = r;
        model.p01 = 0;
        model.p11 = model.p11 === 0 ? START_FREQUENCY_VARIANCE : model.p11;
        scales[index] = 1;
        squares[index] = 0;
      });
      return;
    }
    let reference = 0;
    models.forEach((model, index) => {
      const { wander: q, p00, p01, p11 } = model;
      const x = model.x + dtS * model.y;
      const a = p00 + 2 * dtS * p01 + dtS * dtS * p11 + (q * dtS ** 3) / 3;
      const b = p01 + dtS * p11 + (q * dtS * dtS) / 2;
      const c = p11 + q * dtS;
      const s = a + r;
      const innovation = z - x;
      model.x = x + (a / s) * innovation;
      model.y += (b / s) * innovation;
      model.p00 = (a * r) / s;
      model.p01 = (b * r) / s;
      model.p11 = Math.max(c - (b * b) / s, 1e-30);
      if (index === 0) reference = s;
      scales[index] = ((scales[index] ?? 1) * s) / reference;
      squares[index] = (squares[index] ?? 0) + Math.min((innovation * innovation) / s, 25);
    });
    if (++inRound === ROUND) score();
  }

  function score(): void {
    inRound = 0;
    models.forEach((model, index) => {
      const gain = -0.5 * (Math.log(scales[index] ?? 1) + (squares[index] ?? 0));
      model.score = model.score * FORGET + gain;
      scales[index] = 1;
      squares[index] = 0;
    });
    if (taken < TRUST_AFTER) return;
    const top = Math.max(...models.map((model) => model.score));
    let sum = 0;
    let sumLog = 0;
    models.forEach((model, index) => {
      const weight = Math.exp(Math.max(model.score - top, -700));
      sum += weight;
      sumLog += weight * (index - 21);
    });
    wander = Math.exp((sumLog / sum) * Math.LN10);
  }

  return {
    learn,
    /** The offsets start again; frequencies and scores stay. */
    restart(): void {
      taken = 0;
      inRound = 0;
    },
    get wander() {
      return wander;
    },
  };
}
