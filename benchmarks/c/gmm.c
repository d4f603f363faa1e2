/* ADBench GMM: objective and gradient by hand. icf row = log-diagonal, then the strict lower triangle by columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265359;

static double log_gamma_multivariate(double a, int d) {
    double out = 0.25 * d * (d - 1) * log(PI);
    for (int j = 1; j <= d; j++) out += lgamma(a + 0.5 * (1 - j));
    return out;
}

double gmm_gradient(int d, int K, int n, const double *alpha, const double *means, const double *icf, const double *x,
                    double gamma, int m, double *galpha, double *gmeans, double *gicf) {
    int td = d * (d - 1) / 2, rowsize = d + td;
    double *Q = malloc(sizeof(double) * K * d * d), *logdet = malloc(sizeof(double) * K);
    double *diff = malloc(sizeof(double) * K * d), *u = malloc(sizeof(double) * K * d);
    double *beta = malloc(sizeof(double) * K), *w = malloc(sizeof(double) * d), *ew = malloc(sizeof(double) * K);
    memset(galpha, 0, sizeof(double) * K);
    memset(gmeans, 0, sizeof(double) * K * d);
    memset(gicf, 0, sizeof(double) * K * rowsize);
    for (int k = 0; k < K; k++) {
        const double *row = icf + k * rowsize;
        double *q = Q + k * d * d;
        logdet[k] = 0;
        for (int i = 0; i < d; i++) { logdet[k] += row[i]; q[i * d + i] = exp(row[i]); }
        int at = d;
        for (int j = 0; j < d; j++)
            for (int i = j + 1; i < d; i++) q[j * d + i] = row[at++]; /* column j is stored contiguously */
    }
    double value = 0;
    for (int i = 0; i < n; i++) {
        double top = -INFINITY;
        for (int k = 0; k < K; k++) {
            double *q = Q + k * d * d, *dk = diff + k * d, *uk = u + k * d, square = 0;
            for (int a = 0; a < d; a++) { dk[a] = x[i * d + a] - means[k * d + a]; uk[a] = q[a * d + a] * dk[a]; }
            for (int a = 0; a < d; a++)
                for (int b = a + 1; b < d; b++) uk[b] += q[a * d + b] * dk[a];
            for (int a = 0; a < d; a++) square += uk[a] * uk[a];
            beta[k] = alpha[k] + logdet[k] - 0.5 * square;
            if (beta[k] > top) top = beta[k];
        }
        double sum = 0;
        for (int k = 0; k < K; k++) { ew[k] = exp(beta[k] - top); sum += ew[k]; }
        value += top + log(sum);
        for (int k = 0; k < K; k++) {
            double p = ew[k] / sum, *q = Q + k * d * d, *dk = diff + k * d, *uk = u + k * d;
            double *g = gicf + k * rowsize;
            galpha[k] += p;
            for (int a = 0; a < d; a++) {
                w[a] = q[a * d + a] * uk[a];
                g[a] += p * (1 - uk[a] * dk[a] * q[a * d + a]);
            }
            int at = d;
            for (int a = 0; a < d; a++) {
                double s = 0, pd = p * dk[a];
                for (int b = a + 1; b < d; b++) { s += q[a * d + b] * uk[b]; g[at + b - a - 1] -= pd * uk[b]; }
                w[a] += s;
                at += d - a - 1;
            }
            for (int a = 0; a < d; a++) gmeans[k * d + a] += p * w[a];
        }
    }
    double amax = -INFINITY, asum = 0;
    for (int k = 0; k < K; k++) if (alpha[k] > amax) amax = alpha[k];
    for (int k = 0; k < K; k++) asum += exp(alpha[k] - amax);
    double lse = amax + log(asum);
    for (int k = 0; k < K; k++) galpha[k] -= n * exp(alpha[k] - lse);
    int N = d + m + 1;
    double C = N * d * (log(gamma) - 0.5 * log(2.0)) - log_gamma_multivariate(0.5 * N, d), prior = 0;
    for (int k = 0; k < K; k++) {
        const double *row = icf + k * rowsize, *q = Q + k * d * d;
        double *g = gicf + k * rowsize, square = 0;
        for (int i = 0; i < d; i++) { double e = q[i * d + i]; square += e * e; g[i] += gamma * gamma * e * e - m; }
        for (int j = d; j < rowsize; j++) { square += row[j] * row[j]; g[j] += gamma * gamma * row[j]; }
        prior += 0.5 * gamma * gamma * square - m * logdet[k];
    }
    free(Q); free(logdet); free(diff); free(u); free(beta); free(w); free(ew);
    return -0.5 * n * d * log(2 * PI) + value - n * lse + prior - K * C;
}
