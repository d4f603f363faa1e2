/* Logistic regression's Hessian and its product with a vector, Taylor coefficients of a tanh network along a line, and the gradient of
   a ridge regression's validation error in the penalty. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double dot(int n, const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add(int n, double scale, const double *x, double *y) {
    for (int i = 0; i < n; i++) y[i] += scale * x[i];
}

void logistic_hvp(int n, int d, const double *w, const double *x, double penalty, const double *v, double *out) {
    for (int j = 0; j < d; j++) out[j] = penalty * v[j];
    for (int i = 0; i < n; i++) {
        double p = 1 / (1 + exp(-dot(d, x + i * d, w)));
        add(d, p * (1 - p) * dot(d, x + i * d, v) / n, x + i * d, out);
    }
}

/* X' D X / n + penalty I with D = p (1 - p): the upper triangle, four points at a time, then its mirror image. */
void logistic_hessian(int n, int d, const double *w, const double *x, double penalty, double *out) {
    double *scale = malloc(sizeof(double) * n);
    for (int i = 0; i < n; i++) {
        double p = 1 / (1 + exp(-dot(d, x + i * d, w)));
        scale[i] = p * (1 - p) / n;
    }
    for (int j = 0; j < d * d; j++) out[j] = j % (d + 1) == 0 ? penalty : 0;
    int i = 0;
    for (; i + 3 < n; i += 4) {
        const double *p = x + i * d, *q = p + d, *r = q + d, *s = r + d;
        for (int j = 0; j < d; j++) {
            double a = scale[i] * p[j], b = scale[i + 1] * q[j], c = scale[i + 2] * r[j], e = scale[i + 3] * s[j];
            for (int k = j; k < d; k++) out[j * d + k] += a * p[k] + b * q[k] + c * r[k] + e * s[k];
        }
    }
    for (; i < n; i++)
        for (int j = 0; j < d; j++) add(d - j, scale[i] * x[i * d + j], x + i * d + j, out + j * d + j);
    for (int j = 0; j < d; j++)
        for (int k = 0; k < j; k++) out[j * d + k] = out[k * d + j];
    free(scale);
}

/* Coefficients u[0..order] of a layer's input, rows of `in`; y = W u + b, squashed by tanh unless it is the last.
   The recurrence: with s = 1 - y^2, k y_k = sum_{j=1..k} j u_j s_{k-j} (Griewank and Walther, Evaluating Derivatives). */
static void layer(int order, int in, int out, const double *weights, const double *bias, const double *u, int squash,
                  double *y) {
    double *a = malloc(sizeof(double) * (order + 1) * out), *s = malloc(sizeof(double) * (order + 1) * out);
    for (int k = 0; k <= order; k++)
        for (int i = 0; i < out; i++) a[k * out + i] = dot(in, weights + i * in, u + k * in) + (k == 0 ? bias[i] : 0);
    for (int k = 0; k <= order && squash; k++) {
        double *yk = y + k * out, *sk = s + k * out;
        if (k == 0) {
            for (int i = 0; i < out; i++) { yk[i] = tanh(a[i]); sk[i] = 1 - yk[i] * yk[i]; }
            continue;
        }
        memset(yk, 0, sizeof(double) * out);
        memset(sk, 0, sizeof(double) * out);
        for (int j = 1; j <= k; j++)
            for (int i = 0; i < out; i++) yk[i] += j * a[j * out + i] * s[(k - j) * out + i];
        for (int i = 0; i < out; i++) yk[i] /= k;
        for (int j = 0; j <= k; j++)
            for (int i = 0; i < out; i++) sk[i] -= y[j * out + i] * y[(k - j) * out + i];
    }
    if (!squash) memcpy(y, a, sizeof(double) * (order + 1) * out);
    free(a); free(s);
}

void network_taylor(int order, int n, int h, const double *x, const double *v, const double *w1, const double *b1,
                    const double *w2, const double *b2, const double *w3, double b3, double *out) {
    double *u = calloc((order + 1) * n, sizeof(double));
    double *first = malloc(sizeof(double) * (order + 1) * h), *second = malloc(sizeof(double) * (order + 1) * h);
    memcpy(u, x, sizeof(double) * n);
    memcpy(u + n, v, sizeof(double) * n);
    layer(order, n, h, w1, b1, u, 1, first);
    layer(order, h, h, w2, b2, first, 1, second);
    layer(order, h, 1, w3, &b3, second, 0, out);
    free(u); free(first); free(second);
}

/* The coefficients of order k of all points stand in row k of `out`. */
void network_taylor_batch(int points, int order, int n, int h, const double *x, const double *v, const double *w1,
                          const double *b1, const double *w2, const double *b2, const double *w3, double b3, double *out) {
    double *one = malloc(sizeof(double) * (order + 1));
    for (int p = 0; p < points; p++) {
        network_taylor(order, n, h, x + (size_t)p * n, v + (size_t)p * n, w1, b1, w2, b2, w3, b3, one);
        for (int k = 0; k <= order; k++) out[(size_t)k * points + p] = one[k];
    }
    free(one);
}

/* out = X' (X v) + penalty v */
static void normal_product(int n, int d, const double *x, double penalty, const double *v, double *out) {
    for (int j = 0; j < d; j++) out[j] = penalty * v[j];
    for (int i = 0; i < n; i++) add(d, dot(d, x + i * d, v), x + i * d, out);
}

/* Conjugate gradients from zero, to a relative residual of `tolerance`. */
static void solve(int n, int d, const double *x, double penalty, const double *b, double tolerance, double *z) {
    double *r = malloc(sizeof(double) * d), *p = malloc(sizeof(double) * d), *q = malloc(sizeof(double) * d);
    memset(z, 0, sizeof(double) * d);
    memcpy(r, b, sizeof(double) * d);
    memcpy(p, b, sizeof(double) * d);
    double square = dot(d, r, r), goal = tolerance * tolerance * square;
    for (int step = 0; step < 10 * d && square > goal; step++) {
        normal_product(n, d, x, penalty, p, q);
        double length = square / dot(d, p, q), old = square;
        add(d, length, p, z);
        add(d, -length, q, r);
        square = dot(d, r, r);
        for (int j = 0; j < d; j++) p[j] = r[j] + square / old * p[j];
    }
    free(r); free(p); free(q);
}

/* 0.5 |Xv w - yv|^2 with (X'X + penalty) w = X'y; its derivative in the penalty is -w' (X'X + penalty)^-1 Xv'(Xv w - yv). */
double ridge_hypergradient(int n, int d, const double *x, const double *y, const double *xv, const double *yv,
                           double penalty, double tolerance, double *gradient) {
    double *b = calloc(d, sizeof(double)), *w = malloc(sizeof(double) * d), *g = calloc(d, sizeof(double));
    double *u = malloc(sizeof(double) * d), value = 0;
    for (int i = 0; i < n; i++) add(d, y[i], x + i * d, b);
    solve(n, d, x, penalty, b, tolerance, w);
    for (int i = 0; i < n; i++) {
        double residual = dot(d, xv + i * d, w) - yv[i];
        value += 0.5 * residual * residual;
        add(d, residual, xv + i * d, g);
    }
    solve(n, d, x, penalty, g, tolerance, u);
    *gradient = -dot(d, u, w);
    free(b); free(w); free(g); free(u);
    return value;
}
