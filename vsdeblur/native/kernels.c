// Pictures sampled at moved positions, and the transpose: the operations that restoration spends most of its time in.
//
// Every function does a part of the rows and may run beside itself for other rows. Transposes share the rows that they
// write: each adds to its own rows, from all positions in their order, so that sums do not depend on how rows were
// shared. Positions are limited to the picture before they become indices: no value of a float leads outside of it.
//
// Plain C with the vector extensions of Clang and GCC, no library; the caller picks the build for its processor.

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
int __stdcall DllMainCRTStartup(void *module, unsigned long reason, void *reserved) {
    (void)module, (void)reason, (void)reserved;
    return 1;
}
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#define INLINE static inline __attribute__((always_inline))

// The digest of this file: a build of another one is not used.
#ifndef KERNELS_SOURCE
#define KERNELS_SOURCE ""
#endif
EXPORT const char kernels_source[] = KERNELS_SOURCE;

// Of floats, at any address of a float.
typedef float v2 __attribute__((vector_size(8), aligned(4), may_alias));
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));

enum {
    CHUNK = 48,  // positions at work at once; on Windows a function's stack must stay below a page of 4 KiB
    APART = 4,   // additions to neighbouring pixels are so many apart: each finds the last one's store completed
};

static const float OUTER = -3.0f / 32, INNER = 19.0f / 32;  // Keys' kernel with a = -3/4, half-way between pixels

// Where to sample, at `count` instants for each of height x width pixels.
typedef struct {
    const float *fields;  // a grid (height, width, 2) from -1 to 1; or the planes of a path in pixels: pairs of x and y
    int64_t plane;        // floats from one plane of the path to the next
    int32_t pairs;        // of planes: 2 for velocity and acceleration, 3 with jerk; 1: a flow; 0: a grid
    int32_t height, width;
    int32_t top;          // row of the picture that the path's first row is
    const float *taus;    // instants of the path, periods
    int32_t count;
    float sign;           // of the path's displacement
    float scale;          // positions in the picture per pixel of the path
} Places;

// A picture of four interleaved channels, at least two rows and two columns.
typedef struct {
    float *values;
    int32_t height, width;
} Points;

// Planes (channels, height, width) of one picture.
typedef struct {
    float *values;
    int64_t plane;  // floats from one channel to the next
    int32_t channels, height, width;
} Planes;

// What a difference d counts by: weight / sqrt(1 + |d|^2 / scale^2).
typedef struct {
    const float *weights;  // one for each pixel
    float scale;
} Robust;

// Rows [first, last) of what is written.
typedef struct {
    int32_t first, last;
} Rows;

INLINE int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
INLINE int32_t most(int32_t a, int32_t b) { return a > b ? a : b; }
INLINE int32_t limited(int32_t k, int32_t size) { return least(most(k, 0), size - 1); }
INLINE float absolute(float a) { return a < 0 ? -a : a; }

// Positions of `count` pixels of row y from column x on, at instant q, in pixels of a picture of this size.
INLINE void locate(const Places *at, int q, int32_t y, int32_t x, int count, int32_t height, int32_t width,
                   float *restrict px, float *restrict py) {
    const float *f = at->fields;
    if (at->pairs == 0) {
        const float half_x = (float)(width - 1) / 2, half_y = (float)(height - 1) / 2;
        f += 2 * ((int64_t)y * at->width + x);
        for (int i = 0; i < count; i++) {
            px[i] = (f[2 * i] + 1) * half_x;
            py[i] = (f[2 * i + 1] + 1) * half_y;
        }
        return;
    }
    const float t = at->taus[q], a = at->sign * t, b = at->sign * t * t / 2, c = at->sign * t * t * t / 6;
    const int64_t n = at->plane;
    f += (int64_t)y * at->width + x;
    const float row = (float)(at->top + y);
    if (at->pairs == 1) {  // in a grid's units, rounded as torch's grids are: DIS makes much of small differences
        const float half_x = (float)(width - 1) / 2, half_y = (float)(height - 1) / 2;
        const float unit_x = (float)(2.0 / (width - 1)), unit_y = (float)(2.0 / (height - 1));
        const float down = row * unit_y, rest_y = down - 1;
        for (int i = 0; i < count; i++) {
            const float over = (float)(x + i) * unit_x, rest_x = over - 1;
            const float grid_x = rest_x + unit_x * f[i], grid_y = rest_y + unit_y * f[n + i];
            px[i] = (grid_x + 1) * half_x;
            py[i] = (grid_y + 1) * half_y;
        }
    } else if (at->pairs == 2) {
        for (int i = 0; i < count; i++) {
            px[i] = at->scale * ((float)(x + i) + (a * f[i] + b * f[2 * n + i]));
            py[i] = at->scale * (row + (a * f[n + i] + b * f[3 * n + i]));
        }
    } else {
        for (int i = 0; i < count; i++) {
            px[i] = at->scale * ((float)(x + i) + (a * f[i] + b * f[2 * n + i] + c * f[4 * n + i]));
            py[i] = at->scale * (row + (a * f[n + i] + b * f[3 * n + i] + c * f[5 * n + i]));
        }
    }
}

// The pixel at or before a position within the picture, not the last one, and how far on from it the position lies.
INLINE void split_linear(const float *restrict p, int count, int32_t size, int32_t *restrict k, float *restrict part) {
    const float end = (float)(size - 1);
    const int32_t last = most(size - 2, 0);
    for (int i = 0; i < count; i++) {
        float at = p[i] > 0 ? p[i] : 0;  // what is no number too
        at = at < end ? at : end;
        const int32_t whole = least((int32_t)at, last);
        k[i] = whole;
        part[i] = at - (float)whole;
    }
}

// The pixel at or before a position, up to two outside, and the weights of the pixels from the one before it on.
INLINE void split_cubic(const float *restrict p, int count, int32_t size, int32_t *restrict k, v4 *restrict weights) {
    const float end = (float)(size + 1);
    float t[CHUNK];
    for (int i = 0; i < count; i++) {
        float at = p[i] > -2 ? p[i] : -2;
        at = at < end ? at : end;
        const int32_t whole = (int32_t)(at + 2) - 2;
        k[i] = whole;
        t[i] = at - (float)whole;
    }
    for (int i = 0; i < count; i++) {
        const float u = t[i], v = 1 - u;
        const float before = -0.75f * u * v * v, after = -0.75f * v * u * u;
        const float here = (1.25f * u - 2.25f) * u * u + 1, next = (1.25f * v - 2.25f) * v * v + 1;
        weights[i] = (v4){before, here, next, after};
    }
}

// The first pixels and weights of both axes for cubic sampling at the positions of the first instant.
INLINE void locate_cubic(const Places *at, int32_t y, int32_t x, int count, int32_t height, int32_t width, int32_t *kx,
                         int32_t *ky, v4 *wx, v4 *wy) {
    float px[CHUNK], py[CHUNK];
    locate(at, 0, y, x, count, height, width, px, py);
    split_cubic(px, count, width, kx, wx);
    split_cubic(py, count, height, ky, wy);
}

// Whether positions of row y may lie within `margin` of the rows: a bound, from its largest displacements.
static int reaches(const Places *at, int32_t y, int32_t height, int margin, Rows rows) {
    float low, high;
    if (rows.first == 0 && rows.last == height) return 1;
    if (at->pairs == 0) {
        const float *f = at->fields + 2 * (int64_t)y * at->width, half = (float)(height - 1) / 2;
        low = 1, high = -1;
        for (int32_t x = 0; x < at->width; x++) {
            const float v = f[2 * x + 1] > -1 ? f[2 * x + 1] : -1;
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
        low = (low + 1) * half, high = (high + 1) * half;
    } else {
        float reach = 0, sizes[3] = {0, 0, 0};
        int known = 1;
        for (int k = 0; k < at->pairs; k++) {
            const float *f = at->fields + (2 * k + 1) * at->plane + (int64_t)y * at->width;
            for (int32_t x = 0; x < at->width; x++) {
                const float size = absolute(f[x]);
                sizes[k] = size > sizes[k] ? size : sizes[k];
                known &= size < 1e30f;
            }
        }
        for (int q = 0; q < at->count; q++) {
            const float t = absolute(at->taus[q]);
            const float moved = t * sizes[0] + t * t / 2 * sizes[1] + t * t * t / 6 * sizes[2];
            reach = moved > reach ? moved : reach;
        }
        if (!known) return 1;
        const float row = (float)(at->top + y);
        low = at->scale * (row - reach), high = at->scale * (row + reach);
    }
    low = low < (float)height ? low : (float)height, high = high > 0 ? high : 0;  // beyond an edge is at the edge
    return high >= (float)(rows.first - margin) && low <= (float)(rows.last + margin);
}

// 1 where all of the chunk's pixels k .. k + after are within the rows, -1 where none is, else 0.
INLINE int within(const int32_t *k, int count, int before, int after, int32_t size, Rows rows) {
    int32_t low = k[0], high = k[0];
    for (int i = 1; i < count; i++) low = least(low, k[i]), high = most(high, k[i]);
    low = limited(low - before, size), high = limited(high + after, size);
    return (low >= rows.first && high < rows.last) ? 1 : (high < rows.first || low >= rows.last) ? -1 : 0;
}

INLINE v8 both(v4 a, v4 b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }
INLINE v4 low_half(v8 a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3); }
INLINE v4 high_half(v8 a) { return __builtin_shufflevector(a, a, 4, 5, 6, 7); }

// The mean over the instants of a picture sampled linearly along a path. Rows are those of the result.
EXPORT void mean_along(const Points *from, const Places *at, const Planes *to, const Rows *rows) {
    const v8 rest = {1, 1, 1, 1, 0, 0, 0, 0}, slope = {-1, -1, -1, -1, 1, 1, 1, 1};
    const int64_t line = 4 * (int64_t)from->width;
    const float share = 1 / (float)at->count;
    for (int32_t y = rows->first; y < rows->last; y++) {
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            float px[CHUNK], py[CHUNK], fx[CHUNK], fy[CHUNK];
            int32_t kx[CHUNK], ky[CHUNK];
            v8 sums[CHUNK];
            for (int i = 0; i < count; i++) sums[i] = (v8){0};
            for (int q = 0; q < at->count; q++) {
                locate(at, q, y, x, count, from->height, from->width, px, py);
                split_linear(px, count, from->width, kx, fx);
                split_linear(py, count, from->height, ky, fy);
                for (int i = 0; i < count; i++) {
                    const float *p = from->values + (ky[i] * line + 4 * kx[i]);
                    const v8 upper = *(const v8 *)p, lower = *(const v8 *)(p + line);
                    sums[i] += (upper + fy[i] * (lower - upper)) * (rest + slope * fx[i]);
                }
            }
            float *out = to->values + ((int64_t)y * at->width + x);
            for (int i = 0; i < count; i++) {
                const v4 mean = (low_half(sums[i]) + high_half(sums[i])) * share;
                for (int c = 0; c < to->channels; c++) out[c * to->plane + i] = mean[c];
            }
        }
    }
}

// The transpose of a sum of samplings along a path, added to `onto`, of which the rows are.
EXPORT void spread_along(const Planes *from, const Places *at, const Points *onto, const Rows *rows) {
    const v8 rest = {1, 1, 1, 1, 0, 0, 0, 0}, slope = {-1, -1, -1, -1, 1, 1, 1, 1};
    const int64_t line = 4 * (int64_t)onto->width;
    for (int32_t y = 0; y < at->height; y++) {
        if (!reaches(at, y, onto->height, 2, *rows)) continue;
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            float px[CHUNK], py[CHUNK], fx[CHUNK], fy[CHUNK];
            int32_t kx[CHUNK], ky[CHUNK];
            v4 values[CHUNK];
            for (int i = 0; i < count; i++) values[i] = (v4){0};
            for (int c = 0; c < from->channels; c++) {
                const float *in = from->values + (c * from->plane + (int64_t)y * at->width + x);
                for (int i = 0; i < count; i++) values[i][c] = in[i];
            }
            for (int q = 0; q < at->count; q++) {
                locate(at, q, y, x, count, onto->height, onto->width, px, py);
                split_linear(px, count, onto->width, kx, fx);
                split_linear(py, count, onto->height, ky, fy);
                const int whole = within(ky, count, 0, 1, onto->height, *rows);
                if (whole < 0) continue;
                for (int apart = 0; apart < APART; apart++) {
                    for (int i = apart; i < count; i += APART) {
                        float *p = onto->values + (ky[i] * line + 4 * kx[i]);
                        const v8 value = both(values[i], values[i]) * (rest + slope * fx[i]), lower = value * fy[i];
                        if (whole || (ky[i] >= rows->first && ky[i] < rows->last)) *(v8 *)p += value - lower;
                        if (whole || (ky[i] + 1 >= rows->first && ky[i] + 1 < rows->last)) *(v8 *)(p + line) += lower;
                    }
                }
            }
        }
    }
}

// Every other row of a picture twice as fine: its own pixels, and those half-way between them along the row.
// Rows are those of the planes.
EXPORT void finer_rows(const Planes *from, const Points *to, const Rows *rows) {
    const int32_t width = from->width;
    for (int32_t y = rows->first; y < rows->last; y++) {
        float *out = to->values + 8 * (int64_t)y * to->width;
        for (int c = 0; c < 4; c++) {
            if (c >= from->channels) {
                for (int32_t x = 0; x < to->width; x++) out[4 * x + c] = 0;
                continue;
            }
            const float *in = from->values + (c * from->plane + (int64_t)y * width);
            for (int32_t x = 0; x < width; x++) out[8 * x + c] = in[x];
            for (int32_t x = 0; x + 1 < width; x++) {
                const float outer = in[most(x - 1, 0)] + in[least(x + 2, width - 1)];
                out[8 * x + 4 + c] = INNER * (in[x] + in[x + 1]) + OUTER * outer;
            }
        }
    }
}

// The rows half-way between those of `finer_rows`, once these are complete. Row y is between rows 2 y and 2 y + 2.
EXPORT void finer_between(const Points *to, const Rows *rows) {
    const int64_t line = 4 * (int64_t)to->width;
    for (int32_t y = rows->first; y < rows->last; y++) {
        float *out = to->values + (2 * y + 1) * line;
        const float *a = out - line, *b = out + line;
        const float *above = y > 0 ? a - 2 * line : a, *below = 2 * y + 4 < to->height ? b + 2 * line : b;
        for (int64_t i = 0; i < line; i++) out[i] = INNER * (a[i] + b[i]) + OUTER * (above[i] + below[i]);
    }
}

// The transpose of the interpolation along one axis: what pixel k of `count` takes from a line twice as fine.
INLINE v4 gathered(const float *line, int64_t step, int32_t k, int32_t count) {
    const float *at = line + 2 * k * step;
    v4 sum = *(const v4 *)at;
    if (k > 0) sum += INNER * *(const v4 *)(at - step);
    if (k + 1 < count) sum += INNER * *(const v4 *)(at + step);
    if (k > 1) sum += OUTER * *(const v4 *)(at - 3 * step);
    if (k + 2 < count) sum += OUTER * *(const v4 *)(at + 3 * step);
    if (k == 0 && count > 1) sum += OUTER * *(const v4 *)(at + step);
    if (k > 0 && k == count - 1) sum += OUTER * *(const v4 *)(at - step);
    return sum;
}

// The transpose of `finer_rows` and `finer_between`. Rows are those of the planes.
EXPORT void coarser(const Points *from, const Planes *to, const Rows *rows) {
    const int64_t line = 4 * (int64_t)from->width;
    for (int32_t y = rows->first; y < rows->last; y++) {
        for (int32_t x = 0; x < to->width; x += CHUNK) {
            const int count = least(CHUNK, to->width - x);
            const int32_t left = most(2 * x - 3, 0), right = least(2 * (x + count) + 2, from->width);
            v4 columns[2 * CHUNK + 6];
            for (int32_t k = left; k < right; k++) {
                columns[k - left] = gathered(from->values + 4 * k, line, y, to->height);
            }
            for (int i = 0; i < count; i++) {
                const v4 sum = gathered((const float *)columns - 4 * left, 4, x + i, to->width);
                float *out = to->values + ((int64_t)y * to->width + x + i);
                for (int c = 0; c < to->channels; c++) out[c * to->plane] = sum[c];
            }
        }
    }
}

INLINE v16 four_times(v4 a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3); }
INLINE v16 four_each(v4 a) { return __builtin_shufflevector(a, a, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3); }
INLINE v4 sum_of_four(v16 a) {
    const v8 half = __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
    return low_half(half) + high_half(half);
}

// Whether the four pixels around k all exist.
INLINE int inner(int32_t k, int32_t size) { return k >= 1 && k + 2 < size; }

// The pull of a coupling: the difference of S there from here by what it counts, and `less` made less by it. S samples
// cubically, pixels of the edge repeated. Rows are those of the result.
EXPORT void pull(const Points *there, const Places *at, const Points *here, const Robust *counts, const Points *to,
                 const Points *less, const Rows *rows) {
    const int64_t line = 4 * (int64_t)there->width;
    const float narrow = 1 / (counts->scale * counts->scale);
    for (int32_t y = rows->first; y < rows->last; y++) {
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            const int64_t first = (int64_t)y * at->width + x;
            float sizes[CHUNK];
            int32_t kx[CHUNK], ky[CHUNK];
            v4 wx[CHUNK], wy[CHUNK], apart[CHUNK];
            locate_cubic(at, y, x, count, there->height, there->width, kx, ky, wx, wy);
            for (int i = 0; i < count; i++) {
                v16 sum = {0};
                if (inner(kx[i], there->width) && inner(ky[i], there->height)) {
                    const float *p = there->values + ((ky[i] - 1) * line + 4 * (kx[i] - 1));
                    sum = *(const v16 *)p * wy[i][0] + *(const v16 *)(p + line) * wy[i][1];
                    sum += *(const v16 *)(p + 2 * line) * wy[i][2] + *(const v16 *)(p + 3 * line) * wy[i][3];
                } else {
                    for (int j = 0; j < 4; j++) {
                        const float *p = there->values + limited(ky[i] - 1 + j, there->height) * line;
                        v4 row[4];
                        for (int k = 0; k < 4; k++) row[k] = *(const v4 *)(p + 4 * limited(kx[i] - 1 + k, there->width));
                        sum += *(const v16 *)row * wy[i][j];
                    }
                }
                apart[i] = sum_of_four(sum * four_each(wx[i])) - *(const v4 *)(here->values + 4 * (first + i));
                const v4 square = apart[i] * apart[i];
                sizes[i] = (square[0] + square[1]) + (square[2] + square[3]);
            }
            for (int i = 0; i < count; i++) sizes[i] = counts->weights[first + i] / __builtin_sqrtf(1 + sizes[i] * narrow);
            for (int i = 0; i < count; i++) {
                const v4 pulled = apart[i] * sizes[i];
                *(v4 *)(to->values + 4 * (first + i)) = pulled;
                *(v4 *)(less->values + 4 * (first + i)) -= pulled;
            }
        }
    }
}

// The transpose of the cubic sampling of points, added to `onto`, of which the rows are.
EXPORT void spread_points(const Points *from, const Places *at, const Points *onto, const Rows *rows) {
    const int64_t line = 4 * (int64_t)onto->width;
    for (int32_t y = 0; y < at->height; y++) {
        if (!reaches(at, y, onto->height, 3, *rows)) continue;
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            int32_t kx[CHUNK], ky[CHUNK];
            v4 wx[CHUNK], wy[CHUNK];
            locate_cubic(at, y, x, count, onto->height, onto->width, kx, ky, wx, wy);
            const int whole = within(ky, count, 1, 2, onto->height, *rows);
            if (whole < 0) continue;
            const float *in = from->values + 4 * ((int64_t)y * at->width + x);
            for (int apart = 0; apart < APART; apart++) {
                for (int i = apart; i < count; i += APART) {
                    const v16 value = four_times(*(const v4 *)(in + 4 * i)) * four_each(wx[i]);
                    if (whole && inner(kx[i], onto->width) && inner(ky[i], onto->height)) {
                        float *p = onto->values + ((ky[i] - 1) * line + 4 * (kx[i] - 1));
                        for (int j = 0; j < 4; j++) *(v16 *)(p + j * line) += value * wy[i][j];
                        continue;
                    }
                    for (int j = 0; j < 4; j++) {
                        const int32_t row = limited(ky[i] - 1 + j, onto->height);
                        if (!whole && (row < rows->first || row >= rows->last)) continue;
                        const v16 share = value;
                        for (int k = 0; k < 4; k++) {
                            v4 *p = (v4 *)(onto->values + row * line + 4 * limited(kx[i] - 1 + k, onto->width));
                            *p += ((const v4 *)&share)[k] * wy[i][j];
                        }
                    }
                }
            }
        }
    }
}

INLINE float sum_of(v4 a) { return (a[0] + a[1]) + (a[2] + a[3]); }

// Planes of at least two columns sampled linearly at the positions of the first instant. Rows are those of the result.
EXPORT void sample_linear(const Planes *from, const Places *at, const Planes *to, const Rows *rows) {
    const int64_t line = from->height > 1 ? from->width : 0;
    for (int32_t y = rows->first; y < rows->last; y++) {
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            float px[CHUNK], py[CHUNK], fx[CHUNK], fy[CHUNK];
            int32_t kx[CHUNK], ky[CHUNK];
            locate(at, 0, y, x, count, from->height, from->width, px, py);
            split_linear(px, count, from->width, kx, fx);
            split_linear(py, count, from->height, ky, fy);
            for (int c = 0; c < from->channels; c++) {
                const float *in = from->values + c * from->plane;
                float *out = to->values + (c * to->plane + (int64_t)y * at->width + x);
                for (int i = 0; i < count; i++) {
                    const float *p = in + (ky[i] * line + kx[i]);
                    const v2 upper = *(const v2 *)p, lower = *(const v2 *)(p + line);
                    const v2 row = upper + fy[i] * (lower - upper);
                    out[i] = row[0] + fx[i] * (row[1] - row[0]);
                }
            }
        }
    }
}

// The transpose of `sample_linear`, added to `onto`, of which the rows are.
EXPORT void spread_linear(const Planes *from, const Places *at, const Planes *onto, const Rows *rows) {
    const int64_t line = onto->height > 1 ? onto->width : 0;
    for (int32_t y = 0; y < at->height; y++) {
        if (!reaches(at, y, onto->height, 2, *rows)) continue;
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            float px[CHUNK], py[CHUNK], fx[CHUNK], fy[CHUNK];
            int32_t kx[CHUNK], ky[CHUNK];
            locate(at, 0, y, x, count, onto->height, onto->width, px, py);
            split_linear(px, count, onto->width, kx, fx);
            split_linear(py, count, onto->height, ky, fy);
            const int whole = within(ky, count, 0, 1, onto->height, *rows);
            if (whole < 0) continue;
            for (int c = 0; c < onto->channels; c++) {
                const float *in = from->values + (c * from->plane + (int64_t)y * at->width + x);
                float *out = onto->values + c * onto->plane;
                for (int apart = 0; apart < APART; apart++) {
                    for (int i = apart; i < count; i += APART) {
                        float *p = out + (ky[i] * line + kx[i]);
                        const v2 value = {in[i] - in[i] * fx[i], in[i] * fx[i]}, lower = value * fy[i];
                        if (whole || (ky[i] >= rows->first && ky[i] < rows->last)) *(v2 *)p += value - lower;
                        if (whole || (ky[i] + 1 >= rows->first && ky[i] + 1 < rows->last)) *(v2 *)(p + line) += lower;
                    }
                }
            }
        }
    }
}

// Planes sampled cubically at the positions of the first instant, pixels of the edge repeated. Rows are those of the result.
EXPORT void sample_cubic(const Planes *from, const Places *at, const Planes *to, const Rows *rows) {
    const int64_t line = from->width;
    for (int32_t y = rows->first; y < rows->last; y++) {
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            int32_t kx[CHUNK], ky[CHUNK];
            v4 wx[CHUNK], wy[CHUNK];
            locate_cubic(at, y, x, count, from->height, from->width, kx, ky, wx, wy);
            float *out = to->values + ((int64_t)y * at->width + x);
            for (int i = 0; i < count; i++) {
                const float *corner = from->values + ((ky[i] - 1) * line + kx[i] - 1);
                if (inner(kx[i], from->width) && inner(ky[i], from->height)) {
                    for (int c = 0; c < from->channels; c++) {
                        const float *p = corner + c * from->plane;
                        v4 sum = *(const v4 *)p * wy[i][0] + *(const v4 *)(p + line) * wy[i][1];
                        sum += *(const v4 *)(p + 2 * line) * wy[i][2] + *(const v4 *)(p + 3 * line) * wy[i][3];
                        out[c * to->plane + i] = sum_of(sum * wx[i]);
                    }
                    continue;
                }
                for (int c = 0; c < from->channels; c++) {
                    v4 sum = {0};
                    for (int j = 0; j < 4; j++) {
                        const float *p = from->values + (c * from->plane + limited(ky[i] - 1 + j, from->height) * line);
                        v4 row;
                        for (int k = 0; k < 4; k++) row[k] = p[limited(kx[i] - 1 + k, from->width)];
                        sum += row * wy[i][j];
                    }
                    out[c * to->plane + i] = sum_of(sum * wx[i]);
                }
            }
        }
    }
}

// The transpose of `sample_cubic`, added to `onto`, of which the rows are.
EXPORT void spread_cubic(const Planes *from, const Places *at, const Planes *onto, const Rows *rows) {
    const int64_t line = onto->width;
    for (int32_t y = 0; y < at->height; y++) {
        if (!reaches(at, y, onto->height, 3, *rows)) continue;
        for (int32_t x = 0; x < at->width; x += CHUNK) {
            const int count = least(CHUNK, at->width - x);
            int32_t kx[CHUNK], ky[CHUNK];
            v4 wx[CHUNK], wy[CHUNK];
            locate_cubic(at, y, x, count, onto->height, onto->width, kx, ky, wx, wy);
            const int whole = within(ky, count, 1, 2, onto->height, *rows);
            if (whole < 0) continue;
            const float *in = from->values + ((int64_t)y * at->width + x);
            for (int apart = 0; apart < APART; apart++) {
                for (int i = apart; i < count; i += APART) {
                    if (whole && inner(kx[i], onto->width) && inner(ky[i], onto->height)) {
                        float *corner = onto->values + ((ky[i] - 1) * line + kx[i] - 1);
                        for (int c = 0; c < onto->channels; c++) {
                            const v4 value = wx[i] * in[c * from->plane + i];
                            float *p = corner + c * onto->plane;
                            *(v4 *)p += value * wy[i][0];
                            *(v4 *)(p + line) += value * wy[i][1];
                            *(v4 *)(p + 2 * line) += value * wy[i][2];
                            *(v4 *)(p + 3 * line) += value * wy[i][3];
                        }
                        continue;
                    }
                    for (int c = 0; c < onto->channels; c++) {
                        const v4 value = wx[i] * in[c * from->plane + i];
                        for (int j = 0; j < 4; j++) {
                            const int32_t row = limited(ky[i] - 1 + j, onto->height);
                            if (!whole && (row < rows->first || row >= rows->last)) continue;
                            float *p = onto->values + (c * onto->plane + row * line);
                            // Product and sum in one expression, as above: rounded alike.
                            for (int k = 0; k < 4; k++) p[limited(kx[i] - 1 + k, onto->width)] += value[k] * wy[i][j];
                        }
                    }
                }
            }
        }
    }
}
