// The sum of the prices of European calls.
extern "C" double exp(double);
extern "C" double log(double);
extern "C" double sqrt(double);
extern "C" double erfc(double);

template <std::size_t N>
void value(enzyme::tensor<double> &out, const enzyme::tensor<double, N> &spot, const enzyme::tensor<double, N> &vol,
           const enzyme::tensor<double, N> &strike, const enzyme::tensor<double, 1> &rate,
           const enzyme::tensor<double, 1> &time) {
    double total = 0, root = sqrt(time[0]), discount = exp(-rate[0] * time[0]);
    for (std::size_t i = 0; i < N; i++) {
        double width = vol[i] * root;
        double d1 = (log(spot[i] / strike[i]) + (rate[0] + 0.5 * vol[i] * vol[i]) * time[0]) / width;
        double d2 = d1 - width;
        total += spot[i] * 0.5 * erfc(-d1 * sqrt(0.5)) - strike[i] * discount * 0.5 * erfc(-d2 * sqrt(0.5));
    }
    out = total;
}
