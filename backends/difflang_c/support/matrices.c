/// gemm
/* c = op(a) op(b): `ta`, `tb` say which is transposed; c has the given rows and columns. */
static void dl_gemm_@t@(bool ta, bool tb, const @T@ *a, const @T@ *b, @T@ *c, int64_t rows, int64_t inner, int64_t columns) {
    for (int64_t i = 0; i < rows * columns; i++) c[i] = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < inner; k++) {
            @T@ factor = ta ? a[k * rows + i] : a[i * inner + k];
            for (int64_t j = 0; j < columns; j++) c[i * columns + j] += factor * (tb ? b[j * inner + k] : b[k * columns + j]);
        }
}

/// argsort: memory
static inline bool dl_before_@t@(@T@ a, @T@ b) { return a < b || (a == a && b != b); }

/* A stable merge sort of positions; NaN stands behind all numbers. */
static int32_t dl_argsort_@t@(dl_state *state, const @T@ *keys, int64_t *out, int64_t n) {
    dl_mark mark = dl_here(state);
    int64_t *from = out, *to = dl_allocate(state, dl_bytes(n, sizeof(int64_t)));
    if (to == NULL) return DL_NO_MEMORY;
    for (int64_t i = 0; i < n; i++) out[i] = i;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t start = 0; start < n; start += 2 * width) {
            int64_t middle = start + width < n ? start + width : n, end = start + 2 * width < n ? start + 2 * width : n;
            for (int64_t i = start, j = middle, k = start; k < end; k++)
                to[k] = i < middle && (j >= end || !dl_before_@t@(keys[from[j]], keys[from[i]])) ? from[i++] : from[j++];
        }
        int64_t *other = from;
        from = to;
        to = other;
    }
    if (from != out) memcpy(out, from, (size_t)n * sizeof(int64_t));
    dl_release(state, mark);
    return DL_DONE;
}

/// cholesky
/* The lower triangle L with L L^T = a, row by row (Golub and Van Loan, Matrix Computations, 4.2). */
static int32_t dl_cholesky_@t@(const @T@ *a, @T@ *l, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            @T@ s = j > i ? 0 : a[i * n + j];
            for (int64_t k = 0; k < j && j <= i; k++) s -= l[i * n + k] * l[j * n + k];
            if (i == j && !(s > 0)) return 1;
            l[i * n + j] = j > i ? 0 : i == j ? (@T@)sqrt(s) : s / l[j * n + j];
        }
    return DL_DONE;
}

/// lu
/* Row exchanges and both factors in one matrix, by columns with partial pivoting; 1 where a pivot is 0. */
static int32_t dl_factor_@t@(@T@ *m, int64_t *order, int64_t n) {
    int32_t singular = 0;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t k = 0; k < n; k++) {
        int64_t p = k;
        for (int64_t i = k + 1; i < n; i++) if (fabs(m[i * n + k]) > fabs(m[p * n + k])) p = i;
        for (int64_t j = 0; p != k && j < n; j++) {
            @T@ other = m[k * n + j];
            m[k * n + j] = m[p * n + j];
            m[p * n + j] = other;
        }
        int64_t row = order[k];
        order[k] = order[p];
        order[p] = row;
        if (m[k * n + k] == 0) {
            singular = 1;
            continue;
        }
        for (int64_t i = k + 1; i < n; i++) {
            @T@ factor = m[i * n + k] /= m[k * n + k];
            for (int64_t j = k + 1; j < n; j++) m[i * n + j] -= factor * m[k * n + j];
        }
    }
    return singular;
}

/// triangular_solve
/* x with op(a) x = b, for the lower or upper triangle of a, with or without a diagonal of ones. */
static int32_t dl_triangular_solve_@t@(bool lower, bool transpose, bool unit, const @T@ *a, const @T@ *b, @T@ *x,
                                      int64_t n, int64_t columns) {
    for (int64_t i = 0; i < n && !unit && columns > 0; i++) if (a[i * n + i] == 0) return 1;
    for (int64_t step = 0; step < n; step++) {
        bool forward = lower != transpose;
        int64_t i = forward ? step : n - 1 - step;
        for (int64_t c = 0; c < columns; c++) {
            @T@ s = b[i * columns + c];
            for (int64_t k = forward ? 0 : i + 1; k < (forward ? i : n); k++)
                s -= (transpose ? a[k * n + i] : a[i * n + k]) * x[k * columns + c];
            x[i * columns + c] = unit ? s : s / a[i * n + i];
        }
    }
    return DL_DONE;
}

/// solve: memory lu triangular_solve
static int32_t dl_solve_@t@(dl_state *state, const @T@ *a, const @T@ *b, @T@ *x, int64_t n, int64_t columns) {
    dl_mark mark = dl_here(state);
    @T@ *m = dl_allocate(state, dl_bytes(n * n, sizeof(@T@)));
    @T@ *y = dl_allocate(state, dl_bytes(n * columns, sizeof(@T@)));
    int64_t *order = dl_allocate(state, dl_bytes(n, sizeof(int64_t)));
    if (m == NULL || y == NULL || order == NULL) return DL_NO_MEMORY;
    memcpy(m, a, (size_t)(n * n) * sizeof(@T@));
    if (dl_factor_@t@(m, order, n)) return 1;
    for (int64_t i = 0; i < n; i++) memcpy(x + i * columns, b + order[i] * columns, (size_t)columns * sizeof(@T@));
    dl_triangular_solve_@t@(true, false, true, m, x, y, n, columns);
    dl_triangular_solve_@t@(false, false, false, m, y, x, n, columns);
    dl_release(state, mark);
    return DL_DONE;
}

/// qr: memory
/* Householder reflections (Golub and Van Loan 5.2), the first min(m, n) columns of Q. */
static int32_t dl_qr_@t@(dl_state *state, const @T@ *a, @T@ *q, @T@ *r, int64_t m, int64_t n) {
    int64_t k = m < n ? m : n;
    dl_mark mark = dl_here(state);
    @T@ *w = dl_allocate(state, dl_bytes(m * n, sizeof(@T@)));
    @T@ *scale = dl_allocate(state, dl_bytes(k, sizeof(@T@)));
    if (w == NULL || scale == NULL) return DL_NO_MEMORY;
    memcpy(w, a, (size_t)(m * n) * sizeof(@T@));
    for (int64_t j = 0; j < k; j++) {
        @T@ square = 0, head = w[j * n + j];
        for (int64_t i = j + 1; i < m; i++) square += w[i * n + j] * w[i * n + j];
        scale[j] = 0;
        if (square == 0) continue;
        @T@ beta = (@T@)(head > 0 ? -sqrt(head * head + square) : sqrt(head * head + square));
        scale[j] = (beta - head) / beta;
        for (int64_t i = j + 1; i < m; i++) w[i * n + j] /= head - beta;
        w[j * n + j] = beta;
        for (int64_t c = j + 1; c < n; c++) {
            @T@ s = w[j * n + c];
            for (int64_t i = j + 1; i < m; i++) s += w[i * n + j] * w[i * n + c];
            s *= scale[j];
            w[j * n + c] -= s;
            for (int64_t i = j + 1; i < m; i++) w[i * n + c] -= s * w[i * n + j];
        }
    }
    for (int64_t i = 0; i < k; i++) for (int64_t j = 0; j < n; j++) r[i * n + j] = j < i ? 0 : w[i * n + j];
    for (int64_t i = 0; i < m; i++) for (int64_t j = 0; j < k; j++) q[i * k + j] = i == j;
    for (int64_t j = k - 1; j >= 0; j--)
        for (int64_t c = 0; c < k; c++) {
            @T@ s = q[j * k + c];
            for (int64_t i = j + 1; i < m; i++) s += w[i * n + j] * q[i * k + c];
            s *= scale[j];
            q[j * k + c] -= s;
            for (int64_t i = j + 1; i < m; i++) q[i * k + c] -= s * w[i * n + j];
        }
    dl_release(state, mark);
    return DL_DONE;
}

/// rotation
/* The cosine and sine that make the off-diagonal element vanish, by the smaller angle; `off` is not 0. */
static inline void dl_angle_@t@(double difference, double off, @T@ *c, @T@ *s) {
    double theta = difference / (2.0 * off);
    double t = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    *c = (@T@)(1.0 / sqrt(t * t + 1.0));
    *s = (@T@)(t / sqrt(t * t + 1.0));
}

/* Turns two vectors of `n` elements, which stand `step` apart. */
static inline void dl_turn_@t@(@T@ *one, @T@ *two, int64_t n, int64_t step, @T@ c, @T@ s) {
    for (int64_t k = 0; k < n; k++) {
        @T@ x = one[k * step], y = two[k * step];
        one[k * step] = c * x - s * y;
        two[k * step] = s * x + c * y;
    }
}

/// eigh: memory rotation
/* Cyclic Jacobi rotations of the lower triangle (Golub and Van Loan 8.5), eigenvalues in rising order. */
static int32_t dl_eigh_@t@(dl_state *state, const @T@ *a, @T@ *values, @T@ *vectors, int64_t n) {
    dl_mark mark = dl_here(state);
    @T@ *m = dl_allocate(state, dl_bytes(2 * n * n, sizeof(@T@)));
    if (m == NULL) return DL_NO_MEMORY;
    @T@ *v = m + n * n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            m[i * n + j] = j > i ? a[j * n + i] : a[i * n + j];
            v[i * n + j] = i == j;
            if (!isfinite(m[i * n + j])) return 1;
        }
    for (int sweep = 0; sweep < 60; sweep++) {
        bool turned = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                @T@ off = m[p * n + q];
                if (fabs(off) <= @E@ * sqrt(fabs(m[p * n + p] * m[q * n + q])) || off == 0) continue;
                turned = true;
                @T@ c, s;
                dl_angle_@t@((double)m[q * n + q] - m[p * n + p], off, &c, &s);
                dl_turn_@t@(m + p, m + q, n, n, c, s);
                dl_turn_@t@(m + p * n, m + q * n, n, 1, c, s);
                dl_turn_@t@(v + p, v + q, n, n, c, s);
            }
        if (!turned) break;
    }
    for (int64_t out = 0; out < n; out++) {
        int64_t rank, pick = 0;
        for (int64_t j = 0; j < n; j++) {
            rank = 0;
            for (int64_t i = 0; i < n; i++)
                rank += m[i * n + i] < m[j * n + j] || (m[i * n + i] == m[j * n + j] && i < j);
            if (rank == out) pick = j;
        }
        values[out] = m[pick * n + pick];
        for (int64_t i = 0; i < n; i++) vectors[i * n + out] = v[i * n + pick];
    }
    dl_release(state, mark);
    return DL_DONE;
}

/// orthonormal
/* Makes column `j` of the (n, n) matrix a unit vector that is orthogonal to the columns already `done`. */
static void dl_complete_@t@(@T@ *w, const bool *done, int64_t j, int64_t n) {
    double best = 0;
    for (int64_t axis = 0; axis < n && best < 0.5; axis++) {
        for (int64_t k = 0; k < n; k++) w[k * n + j] = k == axis;
        for (int64_t pass = 0; pass < 2 * n; pass++) {
            int64_t c = pass % n;
            double along = 0;
            if (!done[c]) continue;
            for (int64_t k = 0; k < n; k++) along += (double)w[k * n + c] * w[k * n + j];
            for (int64_t k = 0; k < n; k++) w[k * n + j] -= (@T@)(along * w[k * n + c]);
        }
        best = 0;
        for (int64_t k = 0; k < n; k++) best += (double)w[k * n + j] * w[k * n + j];
        best *= (double)n;
    }
    double size = sqrt(best / (double)n);
    for (int64_t k = 0; k < n; k++) w[k * n + j] /= (@T@)size;
}

/// svd: memory qr orthonormal rotation
/* One-sided Jacobi (Golub and Van Loan 8.6) on R of a (or of its transpose, if that is taller): u s vt = a. */
static int32_t dl_svd_@t@(dl_state *state, const @T@ *a, @T@ *u, @T@ *values, @T@ *vt, int64_t rows, int64_t columns) {
    bool wide = rows < columns;
    int64_t m = wide ? columns : rows, n = wide ? rows : columns;
    dl_mark mark = dl_here(state);
    @T@ *tall = dl_allocate(state, dl_bytes(m * n, sizeof(@T@))), *q = dl_allocate(state, dl_bytes(m * n, sizeof(@T@)));
    @T@ *w = dl_allocate(state, dl_bytes(n * n, sizeof(@T@))), *v = dl_allocate(state, dl_bytes(n * n, sizeof(@T@)));
    @T@ *x = dl_allocate(state, dl_bytes(n * n, sizeof(@T@)));
    if (tall == NULL || q == NULL || w == NULL || v == NULL || x == NULL) return DL_NO_MEMORY;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            tall[i * n + j] = wide ? a[j * columns + i] : a[i * columns + j];
            if (!isfinite(tall[i * n + j])) return 1;
        }
    if (dl_qr_@t@(state, tall, q, w, m, n)) return DL_NO_MEMORY;
    for (int64_t i = 0; i < n * n; i++) v[i] = i / n == i % n;
    for (int sweep = 0; sweep < 60; sweep++) {
        bool turned = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t r = p + 1; r < n; r++) {
                double pp = 0, rr = 0, pr = 0;
                for (int64_t k = 0; k < n; k++) {
                    pp += (double)w[k * n + p] * w[k * n + p];
                    rr += (double)w[k * n + r] * w[k * n + r];
                    pr += (double)w[k * n + p] * w[k * n + r];
                }
                if (fabs(pr) <= @E@ * sqrt(pp * rr) || pr == 0) continue;
                turned = true;
                @T@ c, s;
                dl_angle_@t@(rr - pp, pr, &c, &s);
                dl_turn_@t@(w + p, w + r, n, n, c, s);
                dl_turn_@t@(v + p, v + r, n, n, c, s);
            }
        if (!turned) break;
    }
    bool *done = dl_allocate(state, dl_bytes(n, sizeof(bool)));
    if (done == NULL) return DL_NO_MEMORY;
    double largest = 0;
    for (int64_t j = 0; j < n; j++) {
        double square = 0;
        for (int64_t k = 0; k < n; k++) square += (double)w[k * n + j] * w[k * n + j];
        x[j] = (@T@)sqrt(square);
        if (x[j] > largest) largest = x[j];
    }
    for (int64_t j = 0; j < n; j++) {
        done[j] = x[j] > @E@ * 0.001 * largest;
        for (int64_t k = 0; k < n && done[j]; k++) w[k * n + j] /= x[j];
    }
    for (int64_t j = 0; j < n; j++) {
        if (done[j]) continue;
        dl_complete_@t@(w, done, j, n);
        done[j] = true;
    }
    for (int64_t j = 0; j < n; j++) {
        int64_t rank = 0;
        for (int64_t i = 0; i < n; i++) rank += x[i] > x[j] || (x[i] == x[j] && i < j);
        values[rank] = x[j];
        for (int64_t i = 0; i < m; i++) {
            @T@ s = 0;
            for (int64_t k = 0; k < n; k++) s += q[i * n + k] * w[k * n + j];
            if (wide) vt[rank * m + i] = s; else u[i * n + rank] = s;
        }
        for (int64_t i = 0; i < n; i++) {
            if (wide) u[i * n + rank] = v[i * n + j]; else vt[rank * n + i] = v[i * n + j];
        }
    }
    dl_release(state, mark);
    return DL_DONE;
}
