/* The Laplacian of a tanh network, exact and along random directions, products with the Hessian of Rosenbrock's chain
   and its bands, and the gradient of a function of the fixed point x = tanh(W x + b). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The second derivative along each axis, by Taylor coefficients of order 2: in the first layer, a column of its weights. */
double network_laplacian(int n, int h, const double *x, const double *w1, const double *b1, const double *w2,
                         const double *b2, const double *w3, double b3) {
    double *y = malloc(sizeof(double) * h), *s = malloc(sizeof(double) * h), *z = malloc(sizeof(double) * h);
    double *u = malloc(sizeof(double) * h), *v = malloc(sizeof(double) * h), total = 0;
    for (int i = 0; i < h; i++) {
        double a = b1[i];
        for (int j = 0; j < n; j++) a += w1[i * n + j] * x[j];
        y[i] = tanh(a);
        s[i] = 1 - y[i] * y[i];
    }
    for (int i = 0; i < h; i++) {
        double a = b2[i];
        for (int j = 0; j < h; j++) a += w2[i * h + j] * y[j];
        z[i] = tanh(a);
    }
    for (int axis = 0; axis < n; axis++) {
        for (int i = 0; i < h; i++) {
            double d = w1[i * n + axis];
            u[i] = s[i] * d;
            v[i] = -2 * y[i] * s[i] * d * d;
        }
        for (int i = 0; i < h; i++) {
            double first = 0, second = 0;
            for (int j = 0; j < h; j++) { first += w2[i * h + j] * u[j]; second += w2[i * h + j] * v[j]; }
            double t = 1 - z[i] * z[i];
            total += w3[i] * (t * second - 2 * z[i] * t * first * first);
        }
    }
    (void)b3;
    free(y); free(s); free(z); free(u); free(v);
    return total;
}

/* The mean over m directions, the rows of `directions`, of the second derivative along each. */
double network_stochastic_laplacian(int m, int n, int h, const double *x, const double *directions, const double *w1,
                                    const double *b1, const double *w2, const double *b2, const double *w3, double b3) {
    double *y = malloc(sizeof(double) * h), *z = malloc(sizeof(double) * h), *u = malloc(sizeof(double) * h);
    double *v = malloc(sizeof(double) * h), total = 0;
    for (int i = 0; i < h; i++) {
        double a = b1[i];
        for (int j = 0; j < n; j++) a += w1[i * n + j] * x[j];
        y[i] = tanh(a);
    }
    for (int i = 0; i < h; i++) {
        double a = b2[i];
        for (int j = 0; j < h; j++) a += w2[i * h + j] * y[j];
        z[i] = tanh(a);
    }
    for (int s = 0; s < m; s++) {
        const double *direction = directions + s * n;
        for (int i = 0; i < h; i++) {
            double d = 0, t = 1 - y[i] * y[i];
            for (int j = 0; j < n; j++) d += w1[i * n + j] * direction[j];
            u[i] = t * d;
            v[i] = -2 * y[i] * t * d * d;
        }
        for (int i = 0; i < h; i++) {
            double first = 0, second = 0, t = 1 - z[i] * z[i];
            for (int j = 0; j < h; j++) { first += w2[i * h + j] * u[j]; second += w2[i * h + j] * v[j]; }
            total += w3[i] * (t * second - 2 * z[i] * t * first * first);
        }
    }
    (void)b3;
    free(y); free(z); free(u); free(v);
    return total / m;
}

/* The entries of the Hessian's three bands, row after row: beside, diagonal, beside. */
void rosenbrock_hessian(int n, const double *x, double *out) {
    double left = 0, below = 0;
    for (int i = 0; i < n; i++) {
        double right = i + 1 < n ? -400 * x[i] : 0, above = i + 1 < n ? 1200 * x[i] * x[i] - 400 * x[i + 1] + 2 : 0;
        if (i > 0) *out++ = left;
        *out++ = above + below;
        if (i + 1 < n) *out++ = right;
        left = right;
        below = 200;
    }
}

/* f = sum 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2 */
void rosenbrock_hvp(int n, const double *x, const double *v, double *out) {
    memset(out, 0, sizeof(double) * n);
    for (int i = 0; i + 1 < n; i++) {
        double diagonal = 1200 * x[i] * x[i] - 400 * x[i + 1] + 2, beside = -400 * x[i];
        out[i] += diagonal * v[i] + beside * v[i + 1];
        out[i + 1] += beside * v[i] + 200 * v[i + 1];
    }
}

/* a becomes its factors with row exchanges, b the solution of a' z = b. */
static void solve_transposed(int n, double *a, double *b) {
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) { double t = a[i * n + j]; a[i * n + j] = a[j * n + i]; a[j * n + i] = t; }
    for (int k = 0; k < n; k++) {
        int p = k;
        for (int i = k + 1; i < n; i++) if (fabs(a[i * n + k]) > fabs(a[p * n + k])) p = i;
        if (p != k) {
            for (int j = k; j < n; j++) { double t = a[k * n + j]; a[k * n + j] = a[p * n + j]; a[p * n + j] = t; }
            double t = b[k]; b[k] = b[p]; b[p] = t;
        }
        for (int i = k + 1; i < n; i++) {
            double factor = a[i * n + k] / a[k * n + k];
            for (int j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
            b[i] -= factor * b[k];
        }
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) b[i] -= a[i * n + j] * b[j];
        b[i] /= a[i * n + i];
    }
}

/* |x|^2 at x = tanh(W x + b), after `steps` steps from b, and its gradient in b: with s = 1 - x^2 it is s z, where
   (I - diag(s) W)' z = 2 x. */
double fixed_point(int n, int steps, const double *w, const double *b, double *gradient) {
    double *x = malloc(sizeof(double) * n), *y = malloc(sizeof(double) * n), *a = malloc(sizeof(double) * n * n);
    double value = 0;
    memcpy(x, b, sizeof(double) * n);
    for (int step = 0; step < steps; step++) {
        for (int i = 0; i < n; i++) {
            double sum = b[i];
            for (int j = 0; j < n; j++) sum += w[i * n + j] * x[j];
            y[i] = tanh(sum);
        }
        memcpy(x, y, sizeof(double) * n);
    }
    for (int i = 0; i < n; i++) {
        double s = 1 - x[i] * x[i];
        for (int j = 0; j < n; j++) a[i * n + j] = (i == j) - s * w[i * n + j];
        gradient[i] = 2 * x[i];
        value += x[i] * x[i];
    }
    solve_transposed(n, a, gradient);
    for (int i = 0; i < n; i++) gradient[i] *= 1 - x[i] * x[i];
    free(x); free(y); free(a);
    return value;
}
