// Planes sampled at the positions of one instant, linearly or cubically, and the transposes: warps.

#include "places.h"

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
