// Points half a pixel apart from a picture, by a cubic kernel, and the transpose.

#include "places.h"

static const float OUTER = -3.0f / 32, INNER = 19.0f / 32;  // Keys' kernel with a = -3/4, half-way between pixels

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
