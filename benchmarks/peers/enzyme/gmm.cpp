// ADBench's Gaussian mixture, up to the constants in gamma and the dimension (CONSTANT).
extern "C" double exp(double);
extern "C" double log(double);

static double log_sum_exp(const double *terms, std::size_t count) {
    double largest = terms[0], total = 0;
    for (std::size_t k = 1; k < count; k++) largest = terms[k] > largest ? terms[k] : largest;
    for (std::size_t k = 0; k < count; k++) total += exp(terms[k] - largest);
    return largest + log(total);
}

template <std::size_t K, std::size_t D, std::size_t L, std::size_t N>
void value(enzyme::tensor<double> &out, const enzyme::tensor<double, K> &alpha, const enzyme::tensor<double, K, D> &means,
           const enzyme::tensor<double, K, L> &icf, const enzyme::tensor<double, N, D> &x,
           const enzyme::tensor<double, 1> &gamma) {
    double diagonal[K][D], sums[K], weights[K], terms[K], total = 0, squares = 0, wishart = 0;
    for (std::size_t k = 0; k < K; k++) {
        sums[k] = 0;
        weights[k] = alpha[k];
        for (std::size_t i = 0; i < D; i++) {
            diagonal[k][i] = exp(icf[k][i]);
            sums[k] += icf[k][i];
            squares += diagonal[k][i] * diagonal[k][i];
        }
        for (std::size_t i = D; i < L; i++) squares += icf[k][i] * icf[k][i];
        wishart += sums[k];
    }
    for (std::size_t n = 0; n < N; n++) {
        for (std::size_t k = 0; k < K; k++) {
            double z[D], apart[D], distance = 0;
            for (std::size_t i = 0; i < D; i++) {
                apart[i] = x[n][i] - means[k][i];
                z[i] = diagonal[k][i] * apart[i];
            }
            std::size_t entry = D;
            for (std::size_t j = 0; j < D; j++)
                for (std::size_t i = j + 1; i < D; i++) z[i] += icf[k][entry++] * apart[j];
            for (std::size_t i = 0; i < D; i++) distance += z[i] * z[i];
            terms[k] = weights[k] + sums[k] - 0.5 * distance;
        }
        total += log_sum_exp(terms, K);
    }
    out = total - N * log_sum_exp(weights, K) + 0.5 * gamma[0] * gamma[0] * squares - FREEDOM * wishart + CONSTANT;
}
