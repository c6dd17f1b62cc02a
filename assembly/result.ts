/** One row of RESULTS: the clock and the path's verdict right after an exchange. */
import { baseS } from './clock';
import {
  CLOCK,
  CLOCK_CAUSAL_EARLIEST_S,
  CLOCK_CAUSAL_LATEST_S,
  CLOCK_EARLIEST_S,
  CLOCK_FREQUENCY,
  CLOCK_LATEST_S,
  CLOCK_REST_S,
  CLOCK_UNCERTAINTY_S,
  CLOCK_VALID,
  PATH_OFFSET_S,
  PATH_REASON,
  PATH_STATE,
  RESULT_BYTES,
  RESULT_CAUSAL_EARLIEST_S,
  RESULT_CAUSAL_LATEST_S,
  RESULT_EARLIEST_S,
  RESULT_FREQUENCY,
  RESULT_LATEST_S,
  RESULT_OFFSET_S,
  RESULT_PATH_OFFSET_S,
  RESULT_PATH_REASON,
  RESULT_PATH_STATE,
  RESULT_STATUS,
  RESULT_UNCERTAINTY_S,
  RESULT_VALID,
} from './memory';
import { isOpen, row } from './path';

export function writeResult(result: usize, path: i32, status: i32): void {
  memory.fill(result, 0, RESULT_BYTES);
  const base = f64(baseS);
  store<f64>(result, f64(status), RESULT_STATUS);
  store<f64>(result, load<f64>(CLOCK, CLOCK_VALID), RESULT_VALID);
  store<f64>(result, base + load<f64>(CLOCK, CLOCK_REST_S), RESULT_OFFSET_S);
  store<f64>(result, load<f64>(CLOCK, CLOCK_UNCERTAINTY_S), RESULT_UNCERTAINTY_S);
  store<f64>(result, base + load<f64>(CLOCK, CLOCK_EARLIEST_S), RESULT_EARLIEST_S);
  store<f64>(result, base + load<f64>(CLOCK, CLOCK_LATEST_S), RESULT_LATEST_S);
  store<f64>(result, load<f64>(CLOCK, CLOCK_FREQUENCY), RESULT_FREQUENCY);
  store<f64>(result, base + load<f64>(CLOCK, CLOCK_CAUSAL_EARLIEST_S), RESULT_CAUSAL_EARLIEST_S);
  store<f64>(result, base + load<f64>(CLOCK, CLOCK_CAUSAL_LATEST_S), RESULT_CAUSAL_LATEST_S);
  if (!isOpen(path)) return;
  const p = row(path);
  store<f64>(result, load<f64>(p, PATH_STATE), RESULT_PATH_STATE);
  store<f64>(result, load<f64>(p, PATH_REASON), RESULT_PATH_REASON);
  store<f64>(result, base + load<f64>(p, PATH_OFFSET_S), RESULT_PATH_OFFSET_S);
}
