// Lotka-Volterra, STEPS steps of RK4, sum of the squared end state.
template <typename Parameters>
static void field(const double *y, const Parameters &p, double *f) {
    f[0] = p[0] * y[0] - p[1] * y[0] * y[1];
    f[1] = p[2] * y[0] * y[1] - p[3] * y[1];
}

static void beside(const double *y, double h, const double *k, double *z) {
    for (int i = 0; i < 2; i++) z[i] = y[i] + h * k[i];
}

void value(enzyme::tensor<double> &out, const enzyme::tensor<double, 2> &y0, const enzyme::tensor<double, 4> &p,
           const enzyme::tensor<double, 1> &width) {
    double y[2] = {y0[0], y0[1]}, h = width[0];
    for (int step = 0; step < STEPS; step++) {
        double k1[2], k2[2], k3[2], k4[2], z[2];
        field(y, p, k1);
        beside(y, 0.5 * h, k1, z);
        field(z, p, k2);
        beside(y, 0.5 * h, k2, z);
        field(z, p, k3);
        beside(y, h, k3, z);
        field(z, p, k4);
        for (int i = 0; i < 2; i++) y[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    }
    out = y[0] * y[0] + y[1] * y[1];
}
