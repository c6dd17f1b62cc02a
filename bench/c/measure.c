/* assembly/exchange.ts and ntptime.ts in C: four stamps of an exchange to offset and delay. */
#include "bench.h"
#include <string.h>

#define NS_PER_S 1000000000LL
#define UNIX_TO_NTP_S 2208988800LL
#define PER_UNIT (1.0 / 4294967296.0)

static inline uint64_t ntp_divided(int64_t ns) {
  int64_t second = ns / NS_PER_S;
  int64_t rest = ns % NS_PER_S;
  if (rest < 0) {
    rest += NS_PER_S;
    second--;
  }
  const uint64_t fraction = (((uint64_t)rest << 32) + 500000000u) / 1000000000u;
  return ((uint64_t)(second + UNIX_TO_NTP_S) << 32) + fraction;
}

static inline int64_t nearest(double x) {
  const double sum = x + 6755399441055744.0;
  int64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  return bits - 0x4338000000000000LL;
}

static inline uint64_t ntp_rounded(int64_t ns) {
  const int64_t second = nearest((double)ns * 1.0e-9);
  const int64_t rest = ns - second * NS_PER_S;
  const int64_t fraction = rest * 4 + nearest((double)rest * 0.294967296);
  return ((uint64_t)(second + UNIX_TO_NTP_S) << 32) + (uint64_t)fraction;
}

static inline int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? (a < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static inline int64_t saturating_span(int64_t a, int64_t b) {
  int64_t span;
  return __builtin_sub_overflow(b, a, &span) ? (b < 0 ? INT64_MIN : INT64_MAX) : span;
}

static inline struct measured measure(const struct record *r, int64_t base_s, int divides) {
  const struct measured order = {STATUS_ORDER, 0, 0};
  double hold, reverse, forward;
  if (r->local_receive < r->local_send) return order;
  if (r->kind == KIND_NTP) {
    const uint64_t base = (uint64_t)base_s << 32;
    const int64_t held = (int64_t)(r->remote_send - r->remote_receive);
    if (held < 0) return order;
    const uint64_t sent = divides ? ntp_divided(r->local_send) : ntp_rounded(r->local_send);
    const uint64_t received =
        divides ? ntp_divided(r->local_receive) : ntp_rounded(r->local_receive);
    hold = (double)held * PER_UNIT;
    reverse = (double)(int64_t)(r->remote_receive - sent - base) * PER_UNIT;
    forward = (double)(int64_t)(received - r->remote_send + base) * PER_UNIT;
  } else {
    const int64_t base = base_s * NS_PER_S;
    const int64_t receive = (int64_t)r->remote_receive;
    const int64_t send = (int64_t)r->remote_send;
    if (send < receive) return order;
    hold = (double)saturating_span(receive, send) / 1.0e9;
    reverse = (double)saturating_add(saturating_span(r->local_send, receive), -base) / 1.0e9;
    forward = (double)saturating_add(saturating_span(send, r->local_receive), base) / 1.0e9;
  }
  const double delay = reverse + forward;
  const double offset = (reverse - forward) * 0.5;
  if (delay >= 0.0) return (struct measured){STATUS_USED, offset, delay};
  if (delay < -(20.0e-6 + hold * 5.0e-4)) return (struct measured){STATUS_HOLD, 0, 0};
  return (struct measured){STATUS_USED, offset, 0};
}

void measure_divided(const struct record *records, struct measured *rows, size_t count, int64_t base_s) {
  for (size_t k = 0; k < count; k++) {
    rows[k] = records[k].kind <= KIND_NTP ? measure(&records[k], base_s, 1)
                                          : (struct measured){ERROR_KIND, 0, 0};
  }
}

void measure_rounded(const struct record *records, struct measured *rows, size_t count, int64_t base_s) {
  for (size_t k = 0; k < count; k++) {
    rows[k] = records[k].kind <= KIND_NTP ? measure(&records[k], base_s, 0)
                                          : (struct measured){ERROR_KIND, 0, 0};
  }
}
