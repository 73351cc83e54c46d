// What the kernels share: pictures and positions as they are handed over, and where positions lie in a picture.
//
// Every function does a part of the rows and may run beside itself for other rows. Transposes share the rows that they
// write: each adds to its own rows, from all positions in their order, so that sums do not depend on how rows were
// shared. Positions are limited to the picture before they become indices: no value of a float leads outside of it.
//
// Plain C with the vector extensions of Clang and GCC, no library; the caller picks the build for its processor.

#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#define INLINE static inline __attribute__((always_inline))

// Of floats, at any address of a float.
typedef float v2 __attribute__((vector_size(8), aligned(4), may_alias));
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));

enum {
    CHUNK = 48,  // positions at work at once; on Windows a function's stack must stay below a page of 4 KiB
    APART = 4,   // additions to neighbouring pixels are so many apart: each finds the last one's store completed
};

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

// Whether the four pixels around k all exist.
INLINE int inner(int32_t k, int32_t size) { return k >= 1 && k + 2 < size; }

INLINE v8 both(v4 a, v4 b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }
INLINE v4 low_half(v8 a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3); }
INLINE v4 high_half(v8 a) { return __builtin_shufflevector(a, a, 4, 5, 6, 7); }
