/* assembly/intersect.ts in C: the selection algorithm of RFC 5905 §11.2.1 over sets of intervals. */
#include "bench.h"
#include <math.h>
#include <stdbool.h>

struct edge {
  double value;
  uint64_t place;
};

enum { PATIENCE = 16, RUN = 16 };

static double offsets[MOST_INTERVALS + 1], halves[MOST_INTERVALS + 1];
static double lower[MOST_INTERVALS + 1], upper[MOST_INTERVALS + 1];
static struct edge lowers[MOST_INTERVALS], middles[MOST_INTERVALS], uppers[MOST_INTERVALS];
static struct edge spare[MOST_INTERVALS];
static double low_at[MOST_INTERVALS + 1], high_at[MOST_INTERVALS + 1];
static double low, high;

static bool all_agree(size_t count) {
  double lowest = INFINITY, highest = -INFINITY;
  low = -INFINITY;
  high = INFINITY;
  for (size_t k = 0; k < count; k++) {
    const double middle = offsets[k];
    lower[k] = middle - halves[k];
    upper[k] = middle + halves[k];
    low = low < lower[k] ? lower[k] : low;
    high = high > upper[k] ? upper[k] : high;
    lowest = lowest > middle ? middle : lowest;
    highest = highest < middle ? middle : highest;
  }
  return lowest >= low && highest <= high;
}

static void sort_run(struct edge *first, struct edge *end) {
  for (struct edge *at = first + 1; at < end; at++) {
    const struct edge one = *at;
    struct edge *to = at;
    for (; to > first && to[-1].value > one.value; to--) *to = to[-1];
    *to = one;
  }
}

static void merge_runs(const struct edge *a, const struct edge *middle, const struct edge *end,
                       struct edge *into) {
  const struct edge *b = middle;
  while (a < middle && b < end) *into++ = a->value <= b->value ? *a++ : *b++;
  while (a < middle) *into++ = *a++;
  while (b < end) *into++ = *b++;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void merge_sort(struct edge *edges, size_t count) {
  for (size_t from = 0; from < count; from += RUN) {
    sort_run(edges + from, edges + least(from + RUN, count));
  }
  struct edge *from = edges, *into = spare;
  for (size_t run = RUN; run < count; run *= 2) {
    for (size_t start = 0; start < count; start += 2 * run) {
      merge_runs(from + start, from + least(start + run, count),
                 from + least(start + 2 * run, count), into + start);
    }
    struct edge *swap = from;
    from = into;
    into = swap;
  }
  if (from != edges) {
    for (size_t k = 0; k < count; k++) edges[k] = from[k];
  }
}

static void sort_edges(struct edge *edges, const double *column, size_t count) {
  for (size_t k = 0; k < count; k++) edges[k].place = k;
  size_t moves = count * PATIENCE;
  for (size_t at = 0; at < count; at++) {
    const struct edge one = {column[edges[at].place], edges[at].place};
    size_t to = at;
    for (; to > 0 && edges[to - 1].value > one.value; to--) edges[to] = edges[to - 1];
    edges[to] = one;
    if (at - to > moves) {
      for (size_t next = at + 1; next < count; next++) {
        edges[next].value = column[edges[next].place];
      }
      merge_sort(edges, count);
      return;
    }
    moves -= at - to;
  }
}

static size_t overlap(size_t count) {
  ptrdiff_t most = 0, open = 0, back = 0;
  size_t over = 0;
  for (size_t k = 0; k < count; k++) {
    const double edge = lowers[k].value;
    open++;
    for (; over < count && uppers[over].value < edge; over++) open--;
    if (open <= most) continue;
    most = open;
    low_at[most] = edge;
  }
  open = 0;
  size_t under = count;
  for (size_t k = count; k-- > 0;) {
    const double edge = uppers[k].value;
    open++;
    for (; under > 0 && lowers[under - 1].value > edge; under--) open--;
    if (open <= back) continue;
    back = open;
    high_at[back] = edge;
  }
  return least((size_t)most, (size_t)back);
}

static bool widen(size_t count, size_t most) {
  size_t below = count, above = 0;
  for (size_t members = most; 2 * members > count; members--) {
    low = low_at[members];
    high = high_at[members];
    while (below > 0 && middles[below - 1].value >= low) below--;
    while (above < count && middles[above].value <= high) above++;
    if (below + count - above <= count - members && high >= low) return true;
  }
  low = high = 0;
  return false;
}

static void select_one(const struct interval *intervals, struct selected *row, size_t count) {
  for (size_t k = 0; k < count; k++) {
    offsets[k] = intervals[k].offset_s;
    halves[k] = intervals[k].half_s;
  }
  size_t members = count;
  bool found = all_agree(count);
  if (!found) {
    sort_edges(lowers, lower, count);
    sort_edges(uppers, upper, count);
    sort_edges(middles, offsets, count);
    found = widen(count, overlap(count));
    members = 0;
    if (found) {
      for (size_t k = 0; k < count; k++) members += upper[k] >= low && lower[k] <= high;
    }
  }
  *row = (struct selected){found, low, high, (double)members};
}

void select_batch(const struct interval *intervals, struct selected *rows, size_t sets, size_t count) {
  for (size_t k = 0; k < sets; k++) select_one(intervals + k * count, rows + k, count);
}
