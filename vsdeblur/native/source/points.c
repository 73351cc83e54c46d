// Points of four channels sampled cubically: the pull of a coupling, and the transpose.

#include "places.h"

INLINE v16 four_times(v4 a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3); }
INLINE v16 four_each(v4 a) { return __builtin_shufflevector(a, a, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3); }
INLINE v4 sum_of_four(v16 a) {
    const v8 half = __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
    return low_half(half) + high_half(half);
}

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
