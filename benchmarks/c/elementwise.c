/* Black-Scholes call price with delta and vega, one Adam step, and the heat equation with its adjoint. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

double black_scholes(int n, const double *spot, const double *strike, const double *vol, double rate, double time,
                     double *delta, double *vega) {
    double total = 0, root = sqrt(time), discount = exp(-rate * time);
    for (int i = 0; i < n; i++) {
        double d1 = (log(spot[i] / strike[i]) + (rate + 0.5 * vol[i] * vol[i]) * time) / (vol[i] * root);
        double d2 = d1 - vol[i] * root;
        double cdf1 = 0.5 * erfc(-d1 * M_SQRT1_2), cdf2 = 0.5 * erfc(-d2 * M_SQRT1_2);
        total += spot[i] * cdf1 - strike[i] * discount * cdf2;
        delta[i] = cdf1;
        vega[i] = spot[i] * root * exp(-0.5 * d1 * d1) * 0.3989422804014327;
    }
    return total;
}

void adam_step(int n, const double *x, const double *g, const double *m, const double *v, int t, double lr,
               double *restrict x1, double *restrict m1, double *restrict v1) {
    double c1 = 1 - pow(0.9, t), c2 = 1 - pow(0.999, t);
    for (int i = 0; i < n; i++) {
        m1[i] = 0.9 * m[i] + 0.1 * g[i];
        v1[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        x1[i] = x[i] - lr * (m1[i] / c1) / (sqrt(v1[i] / c2) + 1e-8);
    }
}

void adam_step_f32(int n, const float *x, const float *g, const float *m, const float *v, int t, float lr,
                   float *restrict x1, float *restrict m1, float *restrict v1) {
    float c1 = 1 - powf(0.9f, t), c2 = 1 - powf(0.999f, t);
    for (int i = 0; i < n; i++) {
        m1[i] = 0.9f * m[i] + 0.1f * g[i];
        v1[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        x1[i] = x[i] - lr * (m1[i] / c1) / (sqrtf(v1[i] / c2) + 1e-8f);
    }
}

/* u[n][n], fixed border; value = sum of squares after `steps`; gradients in u0 and in the diffusivity c. */
double heat_gradient(int n, int steps, const double *u0, double c, double *gu, double *gc) {
    size_t size = (size_t)n * n;
    double *history = malloc(sizeof(double) * size * (steps + 1)), *adjoint = malloc(sizeof(double) * size), value = 0, cbar = 0;
    memcpy(history, u0, sizeof(double) * size);
    for (int t = 0; t < steps; t++) {
        const double *u = history + t * size;
        double *w = history + (t + 1) * size;
        memcpy(w, u, sizeof(double) * size);
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++) {
                size_t k = (size_t)i * n + j;
                w[k] = u[k] + c * (u[k - n] + u[k + n] + u[k - 1] + u[k + 1] - 4 * u[k]);
            }
    }
    const double *last = history + steps * size;
    for (size_t k = 0; k < size; k++) { value += last[k] * last[k]; gu[k] = 2 * last[k]; }
    for (int t = steps - 1; t >= 0; t--) {
        const double *u = history + t * size;
        memcpy(adjoint, gu, sizeof(double) * size);
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++) {
                size_t k = (size_t)i * n + j;
                double b = gu[k];
                cbar += b * (u[k - n] + u[k + n] + u[k - 1] + u[k + 1] - 4 * u[k]);
                adjoint[k] -= 4 * c * b;
                adjoint[k - n] += c * b; adjoint[k + n] += c * b; adjoint[k - 1] += c * b; adjoint[k + 1] += c * b;
            }
        memcpy(gu, adjoint, sizeof(double) * size);
    }
    *gc = cbar;
    free(history); free(adjoint);
    return value;
}
