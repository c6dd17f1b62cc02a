/**
 * JSON numbers in bytes, without a string for the common ones. RFC 8259 §6. Both functions rely on
 * a byte after the number that cannot belong to one (a line's newline at the latest).
 */

const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const LOWER_E = 0x65;
/** Turns an ASCII capital letter into a small one. */
const SMALL = 0x20;

/** 10^0 … 10^22, the powers that f64 holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));
const EXACT = 2 ** 53;

const isE = (c: number | undefined): boolean => c !== undefined && (c | SMALL) === LOWER_E;

function digitsEnd(bytes: Uint8Array, from: number): number {
  let p = from;
  let c = (bytes[p] as number) - ZERO;
  while (c >= 0 && c <= 9) c = (bytes[++p] as number) - ZERO;
  return p;
}

/** End of the JSON number at `from`; 0 if there is none. */
export function numberEnd(bytes: Uint8Array, from: number): number {
  let p = bytes[from] === MINUS ? from + 1 : from;
  if (bytes[p] === ZERO) p++;
  else {
    const first = p;
    p = digitsEnd(bytes, p);
    if (p === first) return 0;
  }
  if (bytes[p] === DOT) {
    const first = p + 1;
    p = digitsEnd(bytes, first);
    if (p === first) return 0;
  }
  if (isE(bytes[p])) {
    p++;
    const first = bytes[p] === MINUS || bytes[p] === PLUS ? p + 1 : p;
    p = digitsEnd(bytes, first);
    if (p === first) return 0;
  }
  return p;
}

/** Value of the JSON number that fills `bytes[from..to)`, rounded as JSON.parse does. */
export function numberValue(bytes: Uint8Array, from: number, to: number): number {
  const negative = bytes[from] === MINUS;
  let mantissa = 0;
  let scale = 0;
  let point = 0;
  let p = negative ? from + 1 : from;
  for (; p < to; p++) {
    const c = bytes[p] as number;
    if (c === DOT) point = p + 1;
    else if (isE(c)) break;
    else mantissa = mantissa * 10 + (c - ZERO); // once inexact, never below 2^53 again
  }
  if (point > 0) scale = point - p;
  if (p < to) {
    p++;
    const down = bytes[p] === MINUS;
    let exponent = 0;
    for (p = down || bytes[p] === PLUS ? p + 1 : p; p < to; p++) {
      if (exponent < 10000) exponent = exponent * 10 + ((bytes[p] as number) - ZERO);
    }
    scale += down ? -exponent : exponent;
  }
  // one rounding of two exact numbers is the right one (Clinger 1990)
  if (mantissa < EXACT && scale >= -22 && scale <= 22) {
    const power = POWERS[scale < 0 ? -scale : scale] as number;
    const value = scale < 0 ? mantissa / power : mantissa * power;
    return negative ? -value : value;
  }
  let text = '';
  for (let k = from; k < to; k++) text += String.fromCharCode(bytes[k] as number);
  return Number(text);
}
