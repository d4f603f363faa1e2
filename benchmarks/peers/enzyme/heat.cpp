// The heat equation on a square with fixed rim, STEPS explicit steps, sum of squares of the last field.
extern "C" void *malloc(std::size_t);
extern "C" void free(void *);

template <std::size_t N, std::size_t M>
void value(enzyme::tensor<double> &out, const enzyme::tensor<double, N, M> &start, const enzyme::tensor<double, 1> &c) {
    double *first = (double *)malloc(sizeof(double) * N * M), *second = (double *)malloc(sizeof(double) * N * M);
    double *u = first, *next = second;
    for (std::size_t i = 0; i < N; i++)
        for (std::size_t j = 0; j < M; j++) u[i * M + j] = next[i * M + j] = start[i][j];
    for (int step = 0; step < STEPS; step++) {
        for (std::size_t i = 1; i + 1 < N; i++)
            for (std::size_t j = 1; j + 1 < M; j++) {
                const double *at = u + i * M + j;
                next[i * M + j] = *at + c[0] * (at[-1] + at[1] + at[-(long)M] + at[M] - 4 * *at);
            }
        double *other = u;
        u = next;
        next = other;
    }
    double total = 0;
    for (std::size_t i = 0; i < N * M; i++) total += u[i] * u[i];
    free(first);
    free(second);
    out = total;
}
