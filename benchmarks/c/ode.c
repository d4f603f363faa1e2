/* Lotka-Volterra, RK4, sum of squared end state; gradient in (y0, parameters) by a hand-written discrete adjoint. */
#include <stdlib.h>

static void field(const double *y, const double *p, double *f) {
    f[0] = p[0] * y[0] - p[1] * y[0] * y[1];
    f[1] = p[2] * y[0] * y[1] - p[3] * y[1];
}

static void field_adjoint(const double *y, const double *p, const double *fb, double *yb, double *pb) {
    yb[0] += fb[0] * (p[0] - p[1] * y[1]) + fb[1] * p[2] * y[1];
    yb[1] += -fb[0] * p[1] * y[0] + fb[1] * (p[2] * y[0] - p[3]);
    pb[0] += fb[0] * y[0];
    pb[1] -= fb[0] * y[0] * y[1];
    pb[2] += fb[1] * y[0] * y[1];
    pb[3] -= fb[1] * y[1];
}

double ode_value(int steps, double h, const double *y0, const double *p) {
    double y[2] = {y0[0], y0[1]};
    for (int t = 0; t < steps; t++) {
        double k1[2], k2[2], k3[2], k4[2], z[2];
        field(y, p, k1);
        for (int i = 0; i < 2; i++) z[i] = y[i] + 0.5 * h * k1[i];
        field(z, p, k2);
        for (int i = 0; i < 2; i++) z[i] = y[i] + 0.5 * h * k2[i];
        field(z, p, k3);
        for (int i = 0; i < 2; i++) z[i] = y[i] + h * k3[i];
        field(z, p, k4);
        for (int i = 0; i < 2; i++) y[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    }
    return y[0] * y[0] + y[1] * y[1];
}

double ode_gradient(int steps, double h, const double *y0, const double *p, double *gy, double *gp) {
    double *saved = malloc(sizeof(double) * 2 * (steps + 1)), y[2] = {y0[0], y0[1]};
    for (int t = 0; t < steps; t++) {
        double k1[2], k2[2], k3[2], k4[2], z[2];
        saved[2 * t] = y[0]; saved[2 * t + 1] = y[1];
        field(y, p, k1);
        for (int i = 0; i < 2; i++) z[i] = y[i] + 0.5 * h * k1[i];
        field(z, p, k2);
        for (int i = 0; i < 2; i++) z[i] = y[i] + 0.5 * h * k2[i];
        field(z, p, k3);
        for (int i = 0; i < 2; i++) z[i] = y[i] + h * k3[i];
        field(z, p, k4);
        for (int i = 0; i < 2; i++) y[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    }
    double yb[2] = {2 * y[0], 2 * y[1]}, pb[4] = {0, 0, 0, 0};
    for (int t = steps - 1; t >= 0; t--) {
        const double *s = saved + 2 * t;
        double k1[2], k2[2], k3[2], z2[2], z3[2], z4[2];
        field(s, p, k1);
        for (int i = 0; i < 2; i++) z2[i] = s[i] + 0.5 * h * k1[i];
        field(z2, p, k2);
        for (int i = 0; i < 2; i++) z3[i] = s[i] + 0.5 * h * k2[i];
        field(z3, p, k3);
        for (int i = 0; i < 2; i++) z4[i] = s[i] + h * k3[i];
        double k1b[2], k2b[2], k3b[2], k4b[2], zb[2];
        for (int i = 0; i < 2; i++) { k1b[i] = h / 6 * yb[i]; k2b[i] = h / 3 * yb[i]; k3b[i] = h / 3 * yb[i]; k4b[i] = h / 6 * yb[i]; }
        zb[0] = zb[1] = 0;
        field_adjoint(z4, p, k4b, zb, pb);
        for (int i = 0; i < 2; i++) { yb[i] += zb[i]; k3b[i] += h * zb[i]; }
        zb[0] = zb[1] = 0;
        field_adjoint(z3, p, k3b, zb, pb);
        for (int i = 0; i < 2; i++) { yb[i] += zb[i]; k2b[i] += 0.5 * h * zb[i]; }
        zb[0] = zb[1] = 0;
        field_adjoint(z2, p, k2b, zb, pb);
        for (int i = 0; i < 2; i++) { yb[i] += zb[i]; k1b[i] += 0.5 * h * zb[i]; }
        field_adjoint(s, p, k1b, yb, pb);
    }
    gy[0] = yb[0]; gy[1] = yb[1];
    for (int i = 0; i < 4; i++) gp[i] = pb[i];
    free(saved);
    return y[0] * y[0] + y[1] * y[1];
}
