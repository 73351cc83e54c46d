// Points sampled linearly along a path, at all instants of an exposure in one pass, and the transpose.

#include "places.h"

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
